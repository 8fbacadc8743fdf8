"""Stage that cuts the frames of a front-end into the windows of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.core.clock import native_index
from monitor.core.types import FeatureBlock, Span, Window
from monitor.features.history import History

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.features.ams_spec import AmsSpec
    from monitor.features.spec import FeatureSpec

SLICE = 256
"""Frames of a large push that are taken at a time, so that memory does not grow with it."""


class Windower:
    """Stage: `FeatureBlock` -> `Window` of `frames` frames, one every `hop` frames.

    Window k begins at absolute frame k * hop, and none spans a reset.
    """

    def __init__(self, spec: FeatureSpec | AmsSpec, frames: int, hop: int) -> None:
        if frames < 1 or hop < 1:
            raise ValueError(f"a window needs at least one frame and a hop of one, got {frames} and {hop}")
        self.spec = spec
        self.frames = frames
        self.hop = hop
        self._history = History(frames + hop + SLICE, spec.bands)
        self._next_window = 0

    @property
    def latency(self) -> int:
        """Engine samples by which the newest window can end behind the newest frame: a hop."""
        return self.hop * self.spec.engine_hop

    def push(self, item: FeatureBlock) -> Sequence[Window]:
        """Raises ValueError when the block has other bands or does not follow the one before."""
        if item.values.shape[1] != self.spec.bands:
            raise ValueError(f"{self.spec.name} has {self.spec.bands} bands, got {item.values.shape[1]}")
        if item.first_frame != self._history.end:
            raise ValueError(f"expected frame {self._history.end}, got {item.first_frame}; a gap needs reset()")
        windows: list[Window] = []
        for start in range(0, len(item.values), SLICE):
            self._history.append(item.values[start : start + SLICE])
            windows += self._take()
        return windows

    def flush(self) -> Sequence[Window]:
        """Nothing: a window is never padded."""
        return ()

    def reset(self, at: int) -> None:
        """The next block begins at the first frame whose audio begins at or after engine index `at`."""
        first_frame = -(-native_index(at, self.spec.rate) // self.spec.hop)
        self._history.reset(first_frame)
        self._next_window = -(-first_frame // self.hop)

    def span_of(self, first_frame: int) -> Span:
        """Audio that a window from that frame on covers."""
        start = first_frame * self.spec.engine_hop
        return Span(start, start + (self.frames - 1) * self.spec.engine_hop + self.spec.engine_window)

    def _take(self) -> list[Window]:
        windows: list[Window] = []
        while (first := self._next_window * self.hop) + self.frames <= self._history.end:
            values = self._history.get(first, self.frames)
            if values is None:
                raise RuntimeError(f"frames from {first} on were dropped before their window was cut")
            windows.append(Window(values, self.span_of(first), self.spec.fingerprint))
            self._next_window += 1
        return windows
