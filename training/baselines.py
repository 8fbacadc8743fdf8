"""What level or bandwidth alone would score: a detector that leans on the recorder shows here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from training.data.mixtures import cut
from training.data.pool import POSITIVE
from training.data.splits import Part
from training.evaluate import roc_auc
from training.protocol import score_esc50, score_field
from training.results import CueFigures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.data.pool import Place
    from training.prepare import Material

RENDERED = 20_000
"""Training windows that are enough to learn one number."""


def level(windows: NDArray[np.floating]) -> NDArray[np.float64]:
    """DB `(n, frames, bands)` -> `(n, 1)`: mean power of the window in dB."""
    return 10.0 * np.log10(np.mean(10.0 ** (windows.astype(np.float64) / 10.0), axis=(1, 2)))[:, None]


def bandwidth(windows: NDArray[np.floating]) -> NDArray[np.float64]:
    """DB `(n, frames, bands)` -> `(n, 2)`: highest and lowest band whose mean is within 50 dB of the loudest's."""
    means = windows.astype(np.float64).mean(axis=1)
    inside = means >= means.max(axis=1, keepdims=True) - 50.0
    highest = inside.shape[1] - 1 - np.argmax(inside[:, ::-1], axis=1)
    return np.stack([highest, np.argmax(inside, axis=1)], axis=1).astype(np.float64)


CUES = {"level": level, "bandwidth": bandwidth}


def fit_cue(
    name: str, windows: NDArray[np.floating], labels: NDArray[np.floating], seed: int
) -> HistGradientBoostingClassifier:
    """Gradient-boosted trees on one cue; `predict_proba(cue)[:, 1]` is the probability of a bird."""
    classifier = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, random_state=seed)
    return classifier.fit(CUES[name](windows), labels)


def measure_cues(material: Material, frames: int, seed: int) -> dict[str, CueFigures]:
    """What each cue scores on the tests of the gate, and what mixing has left of it.

    For the tests it is learned from recordings as they are, once a fold as the gate is; what is left is measured on
    held-out rendered windows, learned from rendered ones.
    """
    original, labels, folds = _windows_as_they_are(material, frames)
    figures: dict[str, CueFigures] = {}
    for name, cue in CUES.items():
        models = {
            fold: fit_cue(name, original[folds & (1 << fold) == 0], labels[folds & (1 << fold) == 0], seed)
            for fold in range(5)
        }

        def score(fold: int, windows: NDArray[np.float32]) -> NDArray[np.float64]:
            return models[fold].predict_proba(cue(windows))[:, 1]  # noqa: B023 called within this turn of the loop

        recordings, store, kernel = material.recordings, material.store, material.kernel
        esc50 = score_esc50(recordings, store, kernel, frames, score)
        field = score_field(recordings, store, kernel, frames, lambda windows: score(0, windows))
        count = min(len(material.training), RENDERED)
        rendered = fit_cue(name, material.training.features[:count], material.training.labels[:count], seed)
        held_out = material.validation
        figures[name] = CueFigures(
            esc50_auc=roc_auc(esc50.labels, esc50.scores),
            field_auc=roc_auc(field.labels, field.scores),
            rendered_auc=roc_auc(held_out.labels, rendered.predict_proba(cue(held_out.features))[:, 1]),
        )
    return figures


def _windows_as_they_are(
    material: Material, frames: int
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.int64]]:
    """Two windows of each training recording without mixing, filter or level change: features, labels, fold bits."""
    by_path: dict[str, list[Place]] = {}
    for place in material.pool:
        if place.part is Part.TRAIN:
            by_path.setdefault(place.path, []).append(place)
    chosen = [place for places in by_path.values() for place in (places[0], places[len(places) // 2])]
    length = material.kernel.spec.samples_in(frames)
    features = np.stack([material.kernel(cut(material.store[p.path], p.start, length)) for p in chosen])
    labels = np.array([float(place.content in POSITIVE) for place in chosen])
    folds = np.array([sum(1 << fold for fold in place.folds) for place in chosen], dtype=np.int64)
    return features, labels, folds
