"""Stage that joins what consecutive windows say into detections."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor.core.clock import samples
from monitor.core.species_readings import SpeciesDetection
from monitor.core.types import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.species.labels import SpeciesLabel

LONGEST = samples(15.0)
"""Engine samples of a detection: longer ones are split, so that a bird that never stops is told of while it sings."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A label that a window has."""

    label: SpeciesLabel
    probability: float
    """0..1."""


@dataclass(frozen=True, slots=True)
class WindowHits:
    """What a classifier makes of one window."""

    span: Span
    hits: tuple[Hit, ...]
    """Labels at or above their thresholds, the best first; each once."""
    best: tuple[tuple[str, float], ...]
    """The most probable labels, the best first, and the reject class if there is one."""
    voice: float
    """Probability of a human voice, 0..1; 0 where the model knows none."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A detection that is not over."""

    detection: SpeciesDetection
    order: int
    """Of those that end together, the first one begun comes first."""

    def extended(self, window: WindowHits, hit: Hit) -> _Open:
        """With a window more."""
        before = self.detection
        span = Span(before.span.start, window.span.end)
        after = replace(before, span=span, voice=max(before.voice, window.voice))
        if hit.probability > before.score:
            after = replace(after, score=hit.probability, best=window.span, probabilities=dict(window.best))
        return replace(self, detection=after)


class Merge:
    """Stage: `WindowHits` of a classifier -> `SpeciesDetection`.

    Hits of one label in windows that overlap or touch are one detection, with the figures of its best window. It is
    over with the first window without the label that begins at its end or later. Of different labels detections may
    overlap; of one label they do not, unless the windows themselves do.
    """

    def __init__(self, model_id: str, latency: int) -> None:
        """`model_id`: of the classifier; `latency`: engine samples of a window and a hop."""
        self.latency = latency
        self._model_id = model_id
        self.reset(0)

    def push(self, item: WindowHits) -> Sequence[SpeciesDetection]:
        """Raises ValueError when the window does not come after the one before."""
        if item.span.start < self._newest.start or item.span.end < self._newest.end:
            raise ValueError(f"window {item.span} comes after {self._newest}; a gap needs reset()")
        self._newest = item.span
        heard = {hit.label.text: hit for hit in item.hits}
        over: list[_Open] = []
        for text, run in list(self._open.items()):
            hit = heard.get(text)
            end = run.detection.span.end
            if hit is None or item.span.start > end:
                if item.span.start >= end:
                    over.append(self._open.pop(text))
                continue
            del heard[text]
            if item.span.end - run.detection.span.start > LONGEST:
                over.append(run)
                self._open[text] = self._begun(item, hit, continues=True)
            else:
                self._open[text] = run.extended(item, hit)
        for text, hit in heard.items():
            self._open[text] = self._begun(item, hit, continues=False)
        return _told(over)

    def flush(self) -> Sequence[SpeciesDetection]:
        """Those that are open."""
        over = list(self._open.values())
        self._open.clear()
        return _told(over)

    def reset(self, at: int) -> None:
        """Forget everything; windows that begin before `at` are not expected."""
        self._open: dict[str, _Open] = {}
        self._newest = Span(0, 0)
        self._count = 0

    def _begun(self, window: WindowHits, hit: Hit, *, continues: bool) -> _Open:
        self._count += 1
        label = hit.label
        return _Open(
            SpeciesDetection(
                window.span,
                label.text,
                label.scientific,
                label.common,
                label.kind,
                hit.probability,
                window.span,
                dict(window.best),
                window.voice,
                self._model_id,
                continues,
            ),
            self._count,
        )


def _told(over: list[_Open]) -> list[SpeciesDetection]:
    """In the order in which they began; of those that began together, the most probable first."""
    return [run.detection for run in sorted(over, key=lambda run: (run.detection.span.start, run.order))]
