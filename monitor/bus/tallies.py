"""How often each species was heard: one rule, for the engine that tells newcomers and for the screen that counts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from monitor.core.events import SourceState, SpeciesDetection, TagDetection
from monitor.core.naming import is_bird

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.core.events import Reading


class SpeciesTally(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was heard of one species of one source since the run, or its stream, began."""

    label: str | None
    """None: of no enrolled species."""
    count: int
    """Calls, 1 or more; a call that goes on counts once."""
    score: float
    """Of the newest tag, 0..1."""
    last_end: int
    """Engine index where the newest one ended."""
    known: bool = False
    """Whether a classifier knows it, and nobody taught it."""


class Tallies:
    """The species of one source, by when they were last heard: taught ones, and birds that a classifier knows.

    Provisional tags do not count, nor does what is suppressed. A name that is both taught and known is counted twice,
    each by itself.
    """

    def __init__(self, known: Iterable[SpeciesTally] = ()) -> None:
        self._by_label = {(tally.label, tally.known): tally for tally in known}

    def __len__(self) -> int:
        return len(self._by_label)

    @property
    def oldest_first(self) -> tuple[SpeciesTally, ...]:
        """Whatever was heard last is the last one."""
        return tuple(self._by_label.values())

    def fold(self, reading: Reading) -> None:
        """Take in a reading; a stream that begins at index 0 begins with nothing heard."""
        if isinstance(reading, SourceState):
            if reading.span.end == 0:
                self._by_label.clear()
        elif isinstance(reading, TagDetection | SpeciesDetection) and reading.suppressed:
            return
        elif isinstance(reading, TagDetection) and not reading.provisional:
            self._count(reading.label, reading, known=False)
        elif isinstance(reading, SpeciesDetection) and is_bird(reading):
            self._count(reading.name, reading, known=True)

    def _count(self, label: str | None, reading: TagDetection | SpeciesDetection, *, known: bool) -> None:
        before = self._by_label.pop((label, known), None)
        count = 0 if before is None else before.count
        if before is None or not reading.continues:
            count += 1
        self._by_label[label, known] = SpeciesTally(label, count, reading.score, reading.span.end, known)
