"""What a screen or a command and an engine say to each other about machines.

`machines` tells what is enrolled and how it is attended to. `machine_attend` acknowledges, snoozes, or begins and ends
maintenance. `machine_learn` and `machine_normal` begin a job and are answered at once with its number; `machine_job`
asks how it fares.
"""

from __future__ import annotations

from typing import Literal

import msgspec

MACHINES, ATTEND, LEARN, NORMAL = "machines", "machine_attend", "machine_learn", "machine_normal"
JOB, CANCEL = "machine_job", "machine_cancel"
"""The commands."""

Act = Literal["acknowledge", "snooze", "wake", "maintenance", "resume"]
"""`wake` ends a snooze, `resume` ends maintenance."""


class MachineCare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A machine that the engine has a profile of."""

    name: str
    clips: int
    """Normal clips that it was learnt from, 1 or more."""
    heard: bool
    """False where its profile cannot be used here; the engine's log says why."""
    maintenance: bool
    snoozed_s: float
    """Seconds that it will still keep quiet; 0: it does not."""
    learning: int = 0
    """Job that learns it now; 0: none."""
    source: str = ""
    """The only source that it is listened for on; empty: all."""


class MachineList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer to `machines`."""

    machines: tuple[MachineCare, ...]
    """By name."""
    sources: tuple[str, ...]
    """Sources whose audio is held, the newest last: these can be learnt from."""
    held_s: float
    """Seconds of audio that are held of each source."""


class AttendMachine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `machine_attend`."""

    name: str
    act: Act
    seconds: float = 3600.0
    """Of a snooze, above 0."""


class LearnMachine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `machine_learn`: take what is heard from now on for normal."""

    name: str
    seconds: float
    """How long to listen."""
    source: str = ""
    """The file or device, as deliveries name it; empty: the only one there is."""
    existing: Literal["refuse", "add", "replace"] = "refuse"
    """What to do when the machine is there already; `add` learns a new one too."""
    target: bool = False
    """Whether it runs under other conditions than usual: the target domain."""
    even_alarms: bool = False
    """Whether stretches that would ring the machine's alarm are learnt too, and not left out."""


class NormalStretch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `machine_normal`: this was a false alarm, and belongs to the normals."""

    name: str
    source: str
    start: int
    """First engine sample."""
    end: int
    """One past the last engine sample; what is no longer held or has not come yet is left out."""
    utc_ns: int | None = None
    """When that stretch began, for the record of where the clip came from."""


class MachineJobBegun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer to `machine_learn` and `machine_normal`."""

    job: int
    """1 or more."""


class MachineJobAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `machine_job` and `machine_cancel`."""

    job: int


class MachineJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer to `machine_job`: how it fares."""

    name: str
    """Of the machine."""
    state: Literal["listening", "fitting", "done", "failed"]
    wanted_s: float = 0.0
    """Seconds to listen to."""
    heard_s: float = 0.0
    """Seconds heard so far."""
    refused_s: float = 0.0
    """Seconds left out because the machine's alarm would have rung in them."""
    clips: int = 0
    """Normal clips that the machine has now, when done."""
    warnings: tuple[str, ...] = ()
    """What the user should know, in whole sentences, when done."""
    what: str = ""
    why: str = ""
    remedy: str = ""
    """The three parts of the error, when failed."""
