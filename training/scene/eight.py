"""The eight-bit model of a fold, in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.features.spec import SCENE
from monitor.inference.manifest import FINGERPRINT_KEY
from monitor.inference.session import Session
from training.export import check_parity, write_onnx
from training.nets.mobileast import FRAMES, WithProbabilities
from training.nets.mobilevit import fused
from training.scene.batches import make_batches
from training.scene.fit import checkpoint, fit
from training.scene.quantise import quantise, sizes
from training.scene.scores import BATCH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from training.scene.recipe import SceneSettings
    from training.scene.scores import Score
    from training.scene.source import Source

OUTPUT = "probabilities"
PARITY_WINDOWS = 16
PARITY = 5e-4
"""Of probabilities, before the eight bits move them by a hundredth: a short training amplifies rounding."""


def eight_bits(
    settings: SceneSettings, source: Source, fold: int | None, progress: Callable[[str], None]
) -> tuple[Path, Path]:
    """The float and the eight-bit ONNX file of a fold's student, calibrated on windows that the fold may hear.

    Raises BundleError when onnxruntime and torch differ on the float one.
    """
    kept = checkpoint(settings, source, fold, "student")
    key = settings.key(kept.stem, "quantisation")
    wide, narrow = kept.with_suffix(".onnx"), kept.with_name(f"{kept.stem}-{key}.int8.onnx")
    if narrow.is_file() and wide.is_file():
        return wide, narrow
    windows = calibration_windows(settings, source, fold)
    exported = WithProbabilities(fused(fit(settings, source, fold, progress)))
    write_onnx(exported, FRAMES, SCENE.bands, wide, {FINGERPRINT_KEY: SCENE.fingerprint}, OUTPUT)
    worst = check_parity(exported, wide, windows[:PARITY_WINDOWS], OUTPUT, PARITY)
    scratch = narrow.with_suffix(".part")
    found = quantise(wide, scratch, windows, settings.quantisation)
    scratch.replace(narrow)
    progress(
        f"fold {'final' if fold is None else fold}: onnxruntime equals torch within {worst:.1e}; "
        f"{found.initialisers} bytes of initialisers in eight bits, {sizes(wide).initialisers} before"
    )
    return wide, narrow


def calibration_windows(settings: SceneSettings, source: Source, fold: int | None) -> NDArray[np.float32]:
    """Random training windows `(n, frames, bands)`, augmented but not mixed."""
    size = min(BATCH, settings.quantisation.windows)
    count = settings.quantisation.windows // size
    sound = settings.sound.model_copy(update={"mixup": 0.0})
    batches = make_batches(source, fold, sound, count, size, settings.seed + 2)
    return np.concatenate([batches[i].clean.numpy() for i in range(count)])


def scores_of_file(path: Path) -> Score:
    """Features `(n, frames, bands)` -> probabilities `(n, labels)`, by onnxruntime."""
    session = Session(path)

    def score(windows: NDArray[np.float32]) -> NDArray[np.float64]:
        starts = range(0, len(windows), BATCH)
        parts = [
            session.run({"features": np.ascontiguousarray(windows[start : start + BATCH], dtype=np.float32)})[OUTPUT]
            for start in starts
        ]
        return np.concatenate(parts).astype(np.float64)

    return score
