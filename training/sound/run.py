"""The whole making of a classifier of sound classes, top to bottom: bank, examples, folds, network, bundle."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.inference.manifest import FINGERPRINT_KEY
from training.export import check_parity, write_index, write_onnx
from training.nets.sound_class import FRAMES, VALUES, WithProbabilities
from training.sound.bundle import OUTPUT, write_sound
from training.sound.fit import fit
from training.sound.measure import measure
from training.sound.render import render
from training.sound.results import SoundResults, load_results, save_results
from training.sound.search import find_bank
from training.sound.source import load_sound_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.sound.recipe import SoundRecipe
    from training.sound.source import SoundSource

    Progress = Callable[[str], None]

PARITY_WINDOWS = 64


def run_sound(recipe: SoundRecipe, recipe_path: Path, progress: Progress) -> SoundResults:
    """Everything; finished parts are taken from the cache. The bundle lies in the recipe's folder afterwards."""
    started = time.monotonic()
    source = load_sound_source(recipe, progress)
    results = measure(recipe, source, progress)
    save_results(recipe, results)
    _export(recipe, recipe_path, source, results, progress)
    progress(f"done in {(time.monotonic() - started) / 60:.1f} minutes")
    return results


def evaluate_sound(recipe: SoundRecipe, recipe_path: Path, progress: Progress) -> SoundResults:
    """Figures of the recipe's networks, trained now where the cache lacks them; kept for `export_sound`."""
    results = measure(recipe, load_sound_source(recipe, progress), progress)
    save_results(recipe, results)
    return results


def export_sound(recipe: SoundRecipe, recipe_path: Path, progress: Progress) -> Path:
    """The bundle of a classifier that was measured before; its folder. Raises UsageError when none was."""
    results = load_results(recipe)
    return _export(recipe, recipe_path, load_sound_source(recipe, progress), results, progress)


def _export(
    recipe: SoundRecipe, recipe_path: Path, source: SoundSource, results: SoundResults, progress: Progress
) -> Path:
    spec, _, _ = find_bank(recipe, source, progress)
    examples = render(recipe, source, spec, progress)
    network = WithProbabilities(fit(recipe, examples, None, progress))
    path = Path(recipe.cache) / "export.onnx"
    write_onnx(network, FRAMES, VALUES, path, {FINGERPRINT_KEY: spec.fingerprint}, OUTPUT)
    worst = check_parity(network, path, examples.vectors[:PARITY_WINDOWS], OUTPUT)
    progress(f"onnxruntime differs from torch by {worst:.1g}")
    folder = write_sound(recipe, recipe_path, path, spec, results)
    write_index(Path(recipe.bundle.folder))
    progress(f"wrote {folder}")
    return folder
