"""The last 30 s as a picture: two levels in a cell, one above the other."""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip

from monitor.tui.labels import place_labels
from monitor.tui.palette import STEPS
from monitor.tui.widgets.panel import Panel, gutter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.core.types import Float32Array
    from monitor.tui.glyphs import Glyphs
    from monitor.tui.labels import Label
    from monitor.tui.palette import Ramp
    from monitor.tui.source import SourceView
    from monitor.tui.timeline import Timeline

_NOTHING = -1
"""No column here: before the start, or not drawn."""
_LOST = -2
"""Audio was lost here."""
_DARK, _BRIGHT = 30.0, 99.7
"""Percentiles of the levels shown that become the darkest and the brightest colour."""
_STEP_DB = 6
_SPAN_DB = 30
"""Steps of the colour range, and the least that it spans."""
_SEGMENTS_KEPT = 8192
_SETTLE_EVERY = 10
"""Drawings between two looks at the range of the colours."""


class Spectrogram(Panel):
    """Level by time and frequency, and the names of the calls where they began."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "spectrogram--label",
        "spectrogram--lost",
        "spectrogram--tag",
        "spectrogram--provisional",
    }

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._keys: NDArray[np.int32] = np.zeros((0, 0), np.int32)
        self._timeline: Timeline | None = None
        self._ramp: Ramp | None = None
        self._segments: dict[tuple[int, int], Segment] = {}
        self._names: tuple[Label, ...] = ()
        self._top_hz = 0.0
        self._low, self._high = -90, -30
        self._shows = 0
        self._settled = False

    @property
    def colour_range(self) -> tuple[int, int]:
        """Levels in dBFS of the darkest and the brightest colour."""
        return self._low, self._high

    @property
    def keys(self) -> NDArray[np.int32]:
        """What each cell shows `(rows, cells)`: two steps of the ramp in one number, or a negative code."""
        return self._keys

    def show(self, view: SourceView, timeline: Timeline, ramp: Ramp) -> None:
        """Draw the part of the picture that changed."""
        self.again = lambda: self.show(view, timeline, ramp)
        height = self.content_size.height
        if height < 1:
            return
        self._settle(view.columns.levels())
        rows = 2 * height if self._glyphs.halves else height
        levels = view.columns.pooled(timeline.first, timeline.cells, timeline.cell, rows)
        keys = self._encode(levels, timeline.touched(view.gaps))
        names = place_labels(view.calls, timeline, height)
        scrolled = timeline != self._timeline or view.columns.top_hz != self._top_hz or ramp is not self._ramp
        scrolled = scrolled or names != self._names
        if ramp is not self._ramp or len(self._segments) > _SEGMENTS_KEPT:
            self._segments.clear()
        self._names = names
        before, self._keys = self._keys, keys
        self._timeline, self._ramp, self._top_hz = timeline, ramp, view.columns.top_hz
        if scrolled or before.shape != keys.shape:
            self.paint()
            return
        changed = np.flatnonzero((before != keys).any(axis=0))
        if len(changed):
            left = gutter(self.content_size.width) + int(changed[0])
            self.drawn += 1
            self.refresh(Region(left, 0, int(changed[-1] - changed[0]) + 1, height))

    def render_line(self, y: int) -> Strip:
        """One row of cells with its label."""
        width = self.content_size.width
        labels = gutter(width)
        segments = (
            [Segment(self._label(y).rjust(labels - 1) + " ", self.get_component_rich_style("spectrogram--label"))]
            if labels
            else []
        )
        if y < len(self._keys):
            segments += self._named_row(y)
            if labels + self._keys.shape[1] == width:
                return Strip(segments, width)
        return Strip(segments).adjust_cell_length(width, self.get_component_rich_style("spectrogram--label"))

    def _named_row(self, y: int) -> list[Segment]:
        """A row of the picture with the names that lie on it."""
        keys, segments, at = self._keys[y], list[Segment](), 0
        for name in sorted((name for name in self._names if name.row == y), key=lambda name: name.first):
            style = self.get_component_rich_style(
                "spectrogram--provisional" if name.provisional else "spectrogram--tag"
            )
            segments += [*self._row(keys[at : name.first]), Segment(name.text, style)]
            at = name.end
        return segments + self._row(keys[at:])

    def _row(self, keys: NDArray[np.int32]) -> list[Segment]:
        """Equal neighbours share a segment."""
        if not len(keys):
            return []
        edges = np.flatnonzero(np.diff(keys)) + 1
        starts = [0, *edges.tolist()]
        stops = [*edges.tolist(), len(keys)]
        return [self._segment(int(keys[start]), stop - start) for start, stop in zip(starts, stops, strict=True)]

    def _segment(self, key: int, length: int) -> Segment:
        found = self._segments.get((key, length))
        if found is None:
            found = self._segments[key, length] = self._new_segment(key, length)
        return found

    def _new_segment(self, key: int, length: int) -> Segment:
        if key == _NOTHING or self._ramp is None:
            return Segment(" " * length, self.get_component_rich_style("spectrogram--label"))
        if key == _LOST:
            return Segment(self._glyphs.lost * length, self.get_component_rich_style("spectrogram--lost"))
        above, below = divmod(key, STEPS)
        if self._glyphs.halves:
            return Segment("▀" * length, self._ramp.style(above, below))
        shade = self._glyphs.shades[above * len(self._glyphs.shades) // STEPS]
        return Segment(shade * length, self._ramp.style(max(above, STEPS // 2), 0))

    def _encode(self, levels: Float32Array, lost: set[int]) -> NDArray[np.int32]:
        """Levels `(cells, rows)` to keys `(lines, cells)`, highest frequency first."""
        empty = np.isnan(levels[:, 0])
        share = (np.nan_to_num(levels, nan=-90.0) - self._low) / (self._high - self._low)
        steps = np.clip(share * (STEPS - 1) + 0.5, 0, STEPS - 1).astype(np.int32)[:, ::-1]
        keys = steps[:, 0::2] * STEPS + steps[:, 1::2] if self._glyphs.halves else steps * STEPS + steps
        keys[empty] = _NOTHING
        keys[[k for k in lost if empty[k]]] = _LOST
        return np.ascontiguousarray(keys.T)

    def notify_style_update(self) -> None:
        """Another theme: nothing that was drawn can be used again."""
        super().notify_style_update()
        self._segments.clear()

    def _settle(self, levels: Float32Array) -> None:
        """Fit the colours to what is heard, rumble left out: in steps and seldom, so that they do not flicker."""
        self._shows += 1
        if len(levels) == 0 or (self._settled and self._shows % _SETTLE_EVERY):
            return
        self._settled = len(levels) >= _SETTLE_EVERY
        dark, bright = (float(level) for level in np.percentile(levels[:, levels.shape[1] // 16 :], (_DARK, _BRIGHT)))
        if not self._low - 2 <= dark < self._low + _STEP_DB + 2:
            self._low = _STEP_DB * floor(dark / _STEP_DB)
        if not self._high - _STEP_DB - 2 < bright <= self._high + 2 or self._high - self._low < _SPAN_DB:
            self._high = max(_STEP_DB * ceil(bright / _STEP_DB), self._low + _SPAN_DB)

    def _label(self, y: int) -> str:
        """Frequency at the row's upper edge, on a few rows: `16 kHz` at the top, then whole kilohertz."""
        height = self.content_size.height
        if self._top_hz <= 0:
            return ""
        if y == 0:
            return f"{self._top_hz / 1000:.0f} kHz"
        wanted = 4 if height >= 12 else 2 if height >= 5 else 1
        for part in range(1, wanted):
            if y == round(height * part / wanted):
                hertz = self._top_hz * (1 - part / wanted)
                return f"{hertz / 1000:.3g} kHz" if hertz >= 1000 else f"{hertz:.0f} Hz"
        return "0 Hz" if y == height - 1 and height >= 3 else ""
