"""What a screen and an engine say to each other when a species is taught from live audio.

`species` tells what is enrolled. `enroll` begins and is answered at once, with the number of a job, since it takes a
second or two; `enrollment` asks how that job fares.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from monitor.errors import BusError

SPECIES, ENROLL, ENROLLMENT = "species", "enroll", "enrollment"
"""The commands."""

_Answer = TypeVar("_Answer")


class EnrolledSpecies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A species that the engine's store holds."""

    name: str
    clips: int
    """1 or more."""
    ready: bool
    """False where another encoder learnt it, and its audio was not embedded again."""


class SpeciesList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer to `species`."""

    encoder: str
    """`name@version`; empty where this engine has none and can learn nothing."""
    held_s: float
    """Seconds of audio that are held of each source: older activities cannot be learnt from."""
    species: tuple[EnrolledSpecies, ...]
    """By name."""


class EnrollActivity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `enroll`: learn a species from a stretch of audio that was just heard."""

    source: str
    """The file or device, as deliveries name it."""
    start: int
    """First engine sample."""
    end: int
    """One past the last engine sample; what has not come yet is left out."""
    name: str
    existing: Literal["refuse", "add", "replace"] = "refuse"
    """What to do when the species is there already; `add` learns a new one too."""
    utc_ns: int | None = None
    """When that stretch began, for the record of where the clip came from."""


class EnrollmentBegun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer to `enroll`."""

    job: int
    """1 or more."""


class EnrollmentAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `enrollment`."""

    job: int


class Enrollment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer to `enrollment`: how a job fares."""

    name: str
    """Of the species."""
    state: Literal["working", "done", "failed"]
    clips: int = 0
    """That the species has now, when done."""
    warnings: tuple[str, ...] = ()
    """What the user should know, in whole sentences, when done."""
    what: str = ""
    why: str = ""
    remedy: str = ""
    """The three parts of the error, when failed."""


def answered(result: object, kind: type[_Answer]) -> _Answer:
    """What `BusClient.command` returned, as `kind`. Raises BusError when it is something else."""
    try:
        return msgspec.convert(result, kind)
    except msgspec.ValidationError as fault:
        raise BusError("an answer", str(fault), "Update the older of the two programs.") from fault
