"""The whole making of a gate, top to bottom: prepare, train (for good, and once a fold), measure, export."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.inference.manifest import FINGERPRINT_KEY
from monitor.inference.manifest_file import sha256_of
from training.baselines import measure_cues
from training.bundle import gate_manifest
from training.card import gate_card
from training.evaluate import average_precision, bootstrap_interval, operating_point, roc_auc, threshold_at
from training.export import check_parity, recipe_name, write_bundle, write_index, write_onnx
from training.fit import Fit, fit_all, probabilities
from training.nets.tiny import WithProbability, multiplications, parameters
from training.prepare import SPEC, prepare
from training.protocol import score_esc50, score_field
from training.results import Figure, GateResults, load_results, save_results

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.config import GateRecipe
    from training.nets.tiny import TinyGate
    from training.prepare import Material
    from training.protocol import Scored

FOLDS = (1, 2, 3, 4)
FINAL = 0
"""In place of a fold: the network that is exported, trained on all four."""


def run_gate(recipe: GateRecipe, recipe_path: Path, progress: Callable[[str], None]) -> GateResults:
    """Everything; finished parts are taken from the cache. The bundle lies in the recipe's folder afterwards."""
    started = time.monotonic()
    material = prepare(recipe, progress)
    trained = train(recipe, material, (FINAL, *FOLDS), progress)
    results = measure(recipe, material, trained, progress)
    save_results(recipe, results)
    export(recipe, recipe_path, material, trained, results, progress)
    progress(f"done in {(time.monotonic() - started) / 60:.1f} minutes")
    return results


def evaluate_gate(recipe: GateRecipe, progress: Callable[[str], None]) -> GateResults:
    """Figures of the recipe's networks, trained now where the cache lacks them; kept for `export_gate`."""
    material = prepare(recipe, progress)
    results = measure(recipe, material, train(recipe, material, (FINAL, *FOLDS), progress), progress)
    save_results(recipe, results)
    return results


def export_gate(recipe: GateRecipe, recipe_path: Path, progress: Callable[[str], None]) -> Path:
    """The bundle of networks that were trained and measured before; its folder.

    Raises UsageError when nothing was measured yet.
    """
    results = load_results(recipe)
    material = prepare(recipe, progress)
    return export(recipe, recipe_path, material, train(recipe, material, (FINAL,), progress), results, progress)


def train(
    recipe: GateRecipe, material: Material, folds: tuple[int, ...], progress: Callable[[str], None]
) -> dict[int, TinyGate]:
    """A network for each fold, trained on examples that no clip of the fold went into; `FINAL` leaves none out."""
    key = recipe.key(material.key, "network", "optimiser", "seed", "threads")
    fits = [
        Fit(
            network=recipe.network,
            optimiser=recipe.optimiser,
            training=material.training.folder,
            validation=material.field_like.folder,
            without_fold=fold,
            checkpoint=Path(recipe.cache) / f"network-{key}" / (f"fold-{fold}.pt" if fold else "final.pt"),
            seed=recipe.seed,
            threads=recipe.threads,
        )
        for fold in folds
    ]
    return dict(zip(folds, fit_all(fits, recipe.workers, progress), strict=True))


def measure(
    recipe: GateRecipe, material: Material, trained: dict[int, TinyGate], progress: Callable[[str], None]
) -> GateResults:
    """Thresholds on validation windows, then each test once."""
    final = trained[FINAL]
    scores = {
        "validation": probabilities(final, material.validation.features),
        "field_like": probabilities(final, material.field_like.features),
    }
    on = threshold_at(scores["field_like"][material.field_like.labels == 0], recipe.decision.false_positive_rate)
    off = _odds_share(on, recipe.decision.off_ratio)
    frames = recipe.windows.frames
    recordings, store, kernel = material.recordings, material.store, material.kernel
    esc50 = score_esc50(recordings, store, kernel, frames, lambda fold, windows: probabilities(trained[fold], windows))
    field = score_field(recordings, store, kernel, frames, lambda windows: probabilities(final, windows))
    progress("scored ESC-50 folds and field minutes")
    validation, field_like = material.validation, material.field_like
    esc50_units, field_units = "resampled by source recording", "resampled by minute"
    return GateResults(
        threshold_on=on,
        threshold_off=off,
        esc50_auc=_figure(roc_auc, esc50, esc50_units),
        esc50_ap=_figure(average_precision, esc50, esc50_units),
        esc50_by_fold={fold: _of_fold(esc50, fold) for fold in FOLDS},
        field_auc=_figure(roc_auc, field, field_units),
        field_ap=_figure(average_precision, field, field_units),
        field_windows=len(field.labels),
        field_positives=int(field.labels.sum()),
        field_point=operating_point(field.labels, field.scores, on),
        validation_auc=roc_auc(validation.labels, scores["validation"]),
        validation_ap=average_precision(validation.labels, scores["validation"]),
        validation_point=operating_point(validation.labels, scores["validation"], on),
        field_like_auc=roc_auc(field_like.labels, scores["field_like"]),
        field_like_ap=average_precision(field_like.labels, scores["field_like"]),
        field_like_point=operating_point(field_like.labels, scores["field_like"], on),
        cues=measure_cues(material, frames, recipe.seed),
        parameters=parameters(final),
        multiplications=multiplications(final, frames, SPEC.bands),
        training_windows=len(material.training),
    )


def export(
    recipe: GateRecipe,
    recipe_path: Path,
    material: Material,
    trained: dict[int, TinyGate],
    results: GateResults,
    progress: Callable[[str], None],
) -> Path:
    """The bundle, checked against torch; its folder."""
    final = trained[FINAL]
    frames = recipe.windows.frames
    scratch = Path(recipe.cache) / "export.onnx"
    recipe_hash = hashlib.sha256(recipe_path.read_bytes()).hexdigest()
    name = recipe_name(recipe_path)
    write_onnx(WithProbability(final), frames, SPEC.bands, scratch, {FINGERPRINT_KEY: SPEC.fingerprint})
    windows = material.validation.features[:256].astype(np.float32)
    worst = check_parity(WithProbability(final), scratch, windows)
    progress(f"onnxruntime equals torch within {worst:.1e}")
    manifest = gate_manifest(recipe, name, recipe_hash, sha256_of(scratch), results, material.used)
    root = Path(recipe.bundle.folder)
    folder = root / recipe.bundle.name / recipe.bundle.version
    write_bundle(folder, scratch, manifest, gate_card(recipe, name, results, material.used, worst), SPEC)
    write_index(root)
    progress(f"bundle in {folder}")
    return folder


def _figure(figure: Callable[[NDArray[np.float64], NDArray[np.float64]], float], scored: Scored, how: str) -> Figure:
    low, high = bootstrap_interval(scored.labels, scored.scores, scored.units, figure)
    return Figure(figure(scored.labels, scored.scores), low, high, how)


def _of_fold(scored: Scored, fold: int) -> float:
    inside = scored.folds == fold
    return roc_auc(scored.labels[inside], scored.scores[inside])


def _odds_share(probability: float, share: float) -> float:
    odds = share * probability / max(1.0 - probability, 1e-9)
    return odds / (1.0 + odds)
