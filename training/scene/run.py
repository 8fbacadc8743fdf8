"""The whole making of the scene classifier, top to bottom: teach, distil, quantise, measure, export."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from training.export import write_index
from training.scene.bundle import write_scene
from training.scene.eight import eight_bits
from training.scene.measure import measure
from training.scene.picture import draw_confusion
from training.scene.results import SceneResults, load_results, save_results
from training.scene.source import load_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.scene.recipe import SceneRecipe
    from training.scene.source import Source

    Progress = Callable[[str], None]


def run_scene(recipe: SceneRecipe, recipe_path: Path, progress: Progress) -> SceneResults:
    """Everything; finished parts are taken from the cache. The bundle lies in the recipe's folder afterwards."""
    started = time.monotonic()
    source = load_source(recipe, progress)
    results = measure(recipe, source, progress)
    save_results(recipe, results)
    _export(recipe, recipe_path, source, results, progress)
    progress(f"done in {(time.monotonic() - started) / 60:.1f} minutes")
    return results


def evaluate_scene(recipe: SceneRecipe, recipe_path: Path, progress: Progress) -> SceneResults:
    """Figures of the recipe's networks, trained now where the cache lacks them; kept for `export_scene`."""
    results = measure(recipe, load_source(recipe, progress), progress)
    save_results(recipe, results)
    return results


def export_scene(recipe: SceneRecipe, recipe_path: Path, progress: Progress) -> Path:
    """The bundle of a classifier that was measured before; its folder. Raises UsageError when none was."""
    results = load_results(recipe)
    return _export(recipe, recipe_path, load_source(recipe, progress), results, progress)


def _export(recipe: SceneRecipe, recipe_path: Path, source: Source, results: SceneResults, progress: Progress) -> Path:
    _, narrow = eight_bits(recipe, source, None, progress)
    folder = write_scene(recipe, recipe_path, narrow, results)
    write_index(Path(recipe.bundle.folder))
    if recipe.picture_file:
        draw_confusion(results, Path(recipe.picture_file), recipe.decision.seconds)
    progress(f"wrote {folder}")
    return folder
