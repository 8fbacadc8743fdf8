"""What an engine would answer to the enroll dialog, and waiting for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from monitor.bus.enrollment import EnrolledSpecies, Enrollment, SpeciesList
from monitor.tui.enrollment import Phase

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tests.tui.driving import DrivenApp

KNOWN = SpeciesList(
    "bird-encoder@1.0.0",
    120.0,
    (
        EnrolledSpecies("great spotted woodpecker", 1, ready=True),
        EnrolledSpecies("great tit", 3, ready=True),
        EnrolledSpecies("Turdus merula_Common Blackbird", 2, ready=True),
    ),
)
REFUSED = Enrollment(
    "wren",
    "failed",
    what="clip garden-mic 2026-05-10T07:31:32.600Z",
    why="no bird is heard in it (gate 0.12 at most, 0.50 would be sure)",
    remedy="Cut it to the call, or choose a clearer recording",
)


def plain(value: object) -> object:
    """As it comes over the bus: numbers, text, lists and maps."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value))


async def answered(pilot: Pilot[object], app: DrivenApp) -> None:
    """Wait until the engine has told what is enrolled."""
    while app.enrolling.known is None:
        app.draw()
        await pilot.pause(0.01)


async def learnt(pilot: Pilot[object], app: DrivenApp) -> None:
    """Wait until something came of the enrollment."""
    while app.enrolling.phase not in (Phase.DONE, Phase.FAILED):
        app.draw()
        await pilot.pause(0.01)
