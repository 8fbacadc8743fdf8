"""What the screen knows of the scene of one source. No terminal in here."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from monitor.core.clock import samples
from monitor.core.scene_readings import UNKNOWN, SceneReading, SceneState

if TYPE_CHECKING:
    from monitor.tui.timeline import Timeline

STALE = samples(10.0)
"""Engine samples without a reading after which a scene is not known."""


class Badge(NamedTuple):
    """The scene in the header."""

    text: str
    share: str
    """How sure, in whole percent; empty where that says nothing."""
    settled: bool


class Stretch(NamedTuple):
    """Cells of the band with one scene."""

    first: int
    """Cell of the picture, from the left."""
    cells: int
    text: str
    settled: bool


class SceneView:
    """The newest readings of a source; bounded. It is false before the first."""

    def __init__(self) -> None:
        self._readings: deque[SceneReading] = deque(maxlen=256)
        self.listed: str | None = None
        """The scene that was listed last as an event."""

    def __bool__(self) -> bool:
        return bool(self._readings)

    def fold(self, reading: SceneReading) -> None:
        """Take in a reading."""
        self._readings.append(reading)

    def clear(self) -> None:
        """The stream begins anew."""
        self._readings.clear()
        self.listed = None

    def badge(self, head: int) -> Badge | None:
        """What to say of the scene as of engine index `head`; None where nothing ever told one."""
        if not self._readings:
            return None
        newest = self._readings[-1]
        if head - newest.span.end > STALE:
            return Badge("not told", "", settled=False)
        if newest.state is SceneState.WARMING_UP:
            return Badge("warming up" if newest.probabilities else "too short", "", settled=False)
        sure = "" if newest.label == UNKNOWN else f"{newest.probability * 100:3.0f} %"
        return Badge(newest.label, sure, settled=newest.label != UNKNOWN)

    def stretches(self, timeline: Timeline) -> list[Stretch]:
        """The scenes within the picture, from the left; nothing where none was told."""
        told: dict[int, tuple[str, bool]] = {}
        for reading in self._readings:
            guess = reading.state is SceneState.WARMING_UP
            known = not guess and reading.label != UNKNOWN
            for cell in timeline.covered([reading.span]):
                told[cell] = (f"{reading.label}?" if guess else reading.label, known)
        found: list[Stretch] = []
        for cell in sorted(told):
            text, known = told[cell]
            last = found[-1] if found else None
            if last is not None and last.first + last.cells == cell and (last.text, last.settled) == (text, known):
                found[-1] = last._replace(cells=last.cells + 1)
            else:
                found.append(Stretch(cell, 1, text, known))
        return found
