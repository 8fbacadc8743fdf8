"""How steady the label is that the monitor tells: its own filter over the seconds of the test recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.core.clock import samples
from monitor.core.scene_readings import SceneChange, SceneReading, SceneState
from monitor.core.types import Span
from monitor.scene.classifier import SceneScores
from monitor.scene.smoothing import SceneSmoother, Settling
from training.scene.recipe import UNKNOWN
from training.scene.render import WINDOW
from training.scene.results import Steadiness
from training.scene.scores import HOP_S

if TYPE_CHECKING:
    from monitor.core.scene_readings import SceneReading as Reading
    from training.scene.scores import Scored

RATE = 32_000
KNOWN = "known scenes"


def steadiness(known: Scored, strangers: dict[str, Scored], labels: tuple[str, ...], threshold: float) -> Steadiness:
    """Every recording as a stream of its own; short sounds of one fold follow one another in one stream."""
    changes: dict[str, float] = {}
    right: dict[str, float] = {}
    for name, scored in {KNOWN: known, **strangers}.items():
        single = len(np.unique(scored.units)) > MANY
        streams = scored.folds if single else np.unique(scored.units, return_inverse=True)[1]
        count = hits = told = 0
        for stream in np.unique(streams):
            rows = np.flatnonzero(streams == stream)
            readings, changed = _heard(scored, rows, labels, threshold)
            count += changed
            ready = [(one, row) for one, row in zip(readings, rows, strict=True) if one.state is SceneState.READY]
            told += len(ready)
            hits += sum(one.label == _label(scored, row, labels) for one, row in ready)
        changes[name] = count / (len(streams) * HOP_S / 60.0)
        right[name] = hits / max(1, told)
    return Steadiness(changes, right)


MANY = 100
"""Recordings of a kind from which on they are taken for single sounds."""


def _heard(scored: Scored, rows: np.ndarray, labels: tuple[str, ...], threshold: float) -> tuple[list[Reading], int]:
    """A reading a window, and how many labels gave way to others."""
    smoother = SceneSmoother(labels, Settling(threshold), UNKNOWN if UNKNOWN in labels else None)
    window = samples(WINDOW / RATE)
    told = [
        one
        for place, row in enumerate(rows)
        for one in smoother.push(
            SceneScores(
                Span(samples(place * HOP_S), samples(place * HOP_S) + window),
                np.clip(scored.probabilities[row], 0.0, 1.0).astype(np.float32),
            )
        )
    ]
    changed = [one for one in told if isinstance(one, SceneChange) and one.previous is not None]
    return [one for one in told if isinstance(one, SceneReading)], len(changed)


def _label(scored: Scored, row: int, labels: tuple[str, ...]) -> str:
    return UNKNOWN if scored.labels[row] < 0 else labels[scored.labels[row]]
