"""What a newcomer has to know at once: the last of everything that is going on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.bus.messages import SourceTallies
from monitor.bus.tallies import Tallies
from monitor.core.events import (
    ActivityChange,
    AnomalyReading,
    PrivacyChange,
    SourceCondition,
    SourceState,
    SpeciesDetection,
    TagDetection,
)
from monitor.core.text import writable

if TYPE_CHECKING:
    from monitor.core.events import Reading

Told = tuple[str, int | None, int | None, "Reading"]
"""Source, UTC, row id, reading."""

_OVER = (SourceCondition.ENDED, SourceCondition.FAILED)


class LiveState:
    """The newest live readings, source states and open activities of a run, and how often each species was heard."""

    SOURCES = 32
    """Sources kept; of more, those that ended longest ago are forgotten (a replay of a folder has thousands)."""

    def __init__(self) -> None:
        self._live: dict[str, dict[str, Told]] = {}
        self._states: dict[str, Told] = {}
        self._open: dict[str, Told] = {}
        self._tallies: dict[str, Tallies] = {}

    def note(self, source: str, utc_ns: int | None, event_id: int | None, reading: Reading) -> None:
        """A reading was published."""
        told = (source, utc_ns, event_id, reading)
        # What the privacy mode does now is as much state as a level is, though no change of it may be missed.
        if event_id is None or isinstance(reading, PrivacyChange):
            if source not in self._live:
                self._make_room()
            self._live.setdefault(source, {})[_part(reading)] = told
            return
        if isinstance(reading, SourceState | TagDetection | SpeciesDetection):
            self._tallies.setdefault(source, Tallies()).fold(reading)
        if isinstance(reading, SourceState):
            if source not in self._states:
                self._make_room()
            self._states.pop(source, None)  # the newest goes last
            self._states[source] = told
            if reading.state in _OVER:
                self._open.pop(source, None)
        elif isinstance(reading, ActivityChange):
            if reading.active:
                self._open[source] = told
            else:
                self._open.pop(source, None)

    @property
    def live(self) -> list[Told]:
        """The last reading of each live topic (and machine) of each source, and what its privacy mode said last."""
        return [told for topics in self._live.values() for told in topics.values()]

    @property
    def states(self) -> list[Told]:
        """The last state of each source, the newest last."""
        return list(self._states.values())

    @property
    def open_activities(self) -> list[Told]:
        """The sources where a bird is calling."""
        return list(self._open.values())

    @property
    def tallies(self) -> tuple[SourceTallies, ...]:
        """Of the sources of which something was tagged."""
        return tuple(
            SourceTallies(writable(source), tallies.oldest_first)
            for source, tallies in self._tallies.items()
            if len(tallies)
        )

    def _make_room(self) -> None:
        over = [source for source, told in self._states.items() if _is_over(told[3])]
        known = len(self._states.keys() | self._live.keys())
        for source in over[: max(0, known - self.SOURCES + 1)]:
            for kept in (self._live, self._states, self._open, self._tallies):
                kept.pop(source, None)


def _part(reading: Reading) -> str:
    """What a newer reading takes the place of."""
    return f"{reading.topic} {reading.machine}" if isinstance(reading, AnomalyReading) else reading.topic


def _is_over(reading: Reading) -> bool:
    return isinstance(reading, SourceState) and reading.state in _OVER
