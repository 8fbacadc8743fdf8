"""What the monitor's detectors read of a clip: plain figures, and the direction of its windows' mean embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.features.frontend import Kernel
from monitor.features.spec import MACHINE
from monitor.machines.simple import LONGEST_CONTEXT, joined, simple_features
from monitor.machines.window import clip_windows
from training.anomaly.detect import Inlier, SectionVectors, approach_scores
from training.anomaly.systems import SectionScores, SystemScores, Truth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.anomaly.detect import Approach
    from training.anomaly.material import Material
    from training.data.layouts.dcase2022 import MachineClip

    Encoder = Callable[[NDArray[np.float32]], NDArray[np.float32]]

VIEWS_VERSION = 2
"""Raised when views are made in another way; those in the cache are then made again."""
SIMPLE = ("spectrum", "crest", "kurtosis", "level")
"""Views that need no network ..."""
MOMENTS = "moments"
"""... and what they are compared with: mean and deviation of each band over time, around the mean of all."""

Views = dict[str, "NDArray[np.float64]"]
"""By name, `(n, d)`: n clips in the order of the material."""


def simple_views(
    material: Material, clips: Sequence[MachineClip], cache: Path, progress: Callable[[str], None]
) -> Views:
    """The plain figures of clips, and the cache's windows that encoders read (`load_windows`)."""
    path = _path(material, cache)
    if not path.is_file():
        kernel = Kernel(MACHINE)
        columns: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (*SIMPLE, MOMENTS)}
        windows: list[NDArray[np.float16]] = []
        counts: list[int] = []
        for number, clip in enumerate(clips, 1):
            context = clip_windows(material.wave(clip), kernel)[:LONGEST_CONTEXT]
            plain = simple_features(context)
            columns["spectrum"].append(plain.spectrum[:-2])
            columns["crest"].append(plain.spectrum[-2:-1])
            columns["kurtosis"].append(plain.spectrum[-1:])
            columns["level"].append(np.array([plain.level_db]))
            values = joined(context)[0].astype(np.float64)
            columns[MOMENTS].append(np.concatenate([values.mean(axis=0) - values.mean(), values.std(axis=0)]))
            windows += [window.values.astype(np.float16) for window in context]
            counts.append(len(context))
            if number % 100 == 0:
                progress(f"plain figures of {number} of {len(clips)} clips")
        scratch = path.with_suffix(".partial.npz")
        arrays = {name: np.stack(rows) for name, rows in columns.items()}
        np.savez(scratch, windows=np.stack(windows), counts=np.array(counts), **arrays)
        scratch.replace(path)
    with np.load(path, allow_pickle=False) as kept:
        return {name: kept[name] for name in (*SIMPLE, MOMENTS)}


def embedding_view(material: Material, cache: Path, encode: Encoder, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """`(n, d)`: the direction of the mean of each chosen clip's unit embeddings; zeros for the others.

    `simple_views` has been called before.
    """
    with np.load(_path(material, cache), allow_pickle=False) as kept:
        windows, counts = kept["windows"], kept["counts"]
    owner = np.repeat(np.arange(len(counts)), counts)
    asked = chosen[owner]
    rows = encode(windows[asked].astype(np.float32)).astype(np.float64)
    sums = np.zeros((len(counts), rows.shape[1]))
    np.add.at(sums, owner[asked], rows)
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


def truth_of(clips: Sequence[MachineClip]) -> Truth:
    """The test clips of every section that has normals to learn from and anomalies to find."""
    target: dict[tuple[str, int], NDArray[np.bool_]] = {}
    anomalous: dict[tuple[str, int], NDArray[np.bool_]] = {}
    for key, rows in sections_of(clips).items():
        asked = [clips[i] for i in rows if not clips[i].train]
        target[key] = np.array([bool(clip.target) for clip in asked])
        anomalous[key] = np.array([bool(clip.anomalous) for clip in asked])
    return Truth(target, anomalous)


def sections_of(clips: Sequence[MachineClip]) -> dict[tuple[str, int], NDArray[np.int64]]:
    """Rows of each section's clips, training and test; sections with nothing to learn from or to ask are left out."""
    found: dict[tuple[str, int], list[int]] = {}
    for i, clip in enumerate(clips):
        found.setdefault((clip.machine, clip.section), []).append(i)
    return {
        key: np.array(rows)
        for key, rows in sorted(found.items())
        if any(clips[i].train for i in rows) and any(not clips[i].train for i in rows)
    }


def joined_scores(
    clips: Sequence[MachineClip], views: Views, names: Sequence[str], inlier: Inlier, approach: Approach
) -> SystemScores:
    """Scores of every section: the mean of the named views' own, each scaled by its own normals left out."""
    scores: SystemScores = {}
    for key, rows in sections_of(clips).items():
        normal = np.array([i for i in rows if clips[i].train])
        asked = np.array([i for i in rows if not clips[i].train])
        is_target = np.array([bool(clips[i].target) for i in normal])
        parts = [
            approach_scores(
                SectionVectors(views[name][normal][:, None], is_target, views[name][asked][:, None]), inlier, approach
            )
            for name in names
        ]
        scores[key] = SectionScores(
            np.mean([one[0] for one in parts], axis=0), np.mean([one[1] for one in parts], axis=0), np.zeros(0)
        )
    return scores


def _path(material: Material, cache: Path) -> Path:
    return cache / f"views-{VIEWS_VERSION}-{material.frames.name}.npz"
