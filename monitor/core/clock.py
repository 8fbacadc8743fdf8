"""The sample index is the only clock; seconds and UTC exist at the borders, and this is the border."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from monitor.core.types import ENGINE_RATE, GRID

NANOSECONDS = 1_000_000_000


def engine_index(native_index: int, native_rate: int) -> int:
    """Engine index of a sample of a source at `native_rate` Hz: floor, computed, never summed."""
    return native_index * ENGINE_RATE // native_rate


def native_index(index: int, native_rate: int) -> int:
    """First sample of a source at `native_rate` Hz that lies at or after engine index `index`."""
    return -(-index * native_rate // ENGINE_RATE)


def next_grid_index(index: int) -> int:
    """The engine index at or after `index` where a stream may begin: a multiple of 3."""
    return -(-index // GRID) * GRID


def seconds(index: int) -> float:
    """Seconds since the start of the stream."""
    return index / ENGINE_RATE


def samples(duration_s: float) -> int:
    """Engine samples nearest to a duration in seconds."""
    return round(duration_s * ENGINE_RATE)


def isoformat(utc_ns: int) -> str:
    """ISO 8601 in UTC with milliseconds, such as 2026-05-10T07:30:00.000Z; `utc_ns` counts from 1970."""
    whole, rest = divmod(utc_ns, NANOSECONDS)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment known in both clocks."""

    index: int
    """Engine index."""
    utc_ns: int
    """Nanoseconds since 1970, UTC."""


class StreamClock:
    """Maps engine indices of one stream to UTC, through anchors.

    A step of the wall clock (NTP, no battery-backed clock) makes a new anchor and never moves an index. Without any
    anchor the start of the recording is unknown, and so is every time in it.
    """

    STEP_NS = 250_000_000
    """Disagreement between anchors and wall clock from which on it counts as a step: 0.25 s."""

    def __init__(self, start_utc_ns: int | None = None) -> None:
        self._anchors: list[Anchor] = [] if start_utc_ns is None else [Anchor(0, start_utc_ns)]

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """All anchors, oldest first."""
        return tuple(self._anchors)

    def observe(self, index: int, utc_ns: int) -> bool:
        """Note that `index` was captured at `utc_ns`; True when that made a new anchor."""
        expected = self.utc_ns(index)
        if expected is not None and abs(expected - utc_ns) < self.STEP_NS:
            return False
        if self._anchors and index <= self._anchors[-1].index:
            return False
        self._anchors.append(Anchor(index, utc_ns))
        return True

    def utc_ns(self, index: int) -> int | None:
        """UTC of an engine index in nanoseconds since 1970, or None when unknown."""
        anchor = next((a for a in reversed(self._anchors) if a.index <= index), None)
        if anchor is None and self._anchors:
            anchor = self._anchors[0]
        if anchor is None:
            return None
        return anchor.utc_ns + (index - anchor.index) * NANOSECONDS // ENGINE_RATE
