"""What a screen or a command and an engine say to each other when an alarm is to be heard beside the nearest normal.

`machine_play` begins and is answered at once; `machine_playing` asks how far it is; `machine_hush` stops it. The sound
comes out of the engine's computer.
"""

from __future__ import annotations

from typing import Literal

import msgspec

PLAY, PLAYING, HUSH = "machine_play", "machine_playing", "machine_hush"
"""The commands."""


class MachinePlay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `machine_play`: an alarm, as its reading tells it."""

    name: str
    source: str
    """The file or device, as deliveries name it."""
    start: int
    """First engine sample of the alarm."""
    end: int
    """One past its last; of a long alarm the newest seconds are played."""
    nearest: str
    """Origin of the normal clip that is most like it, as the reading tells it."""


class MachinePlaying(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer to `machine_play` and `machine_playing`."""

    state: Literal["alarm", "normal", "done", "stopped", "failed"]
    """What is heard now, or how it ended; `done` where nothing was asked for yet."""
    name: str = ""
    """Of the machine."""
    nearest: str = ""
    """Origin of the normal clip."""
    what: str = ""
    why: str = ""
    remedy: str = ""
    """The three parts of the error, when failed."""

    @property
    def going_on(self) -> bool:
        """Whether something is heard."""
        return self.state in ("alarm", "normal")
