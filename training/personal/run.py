"""The experiments, top to bottom: sets, C2, the ways of training C1, the page."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import UsageError
from monitor.features.ams_spec import AMS_OPTIMISED, AMS_PLAIN
from training.config import load_recipe
from training.personal.experiment import experiment
from training.personal.page import write_page
from training.personal.recipe import Bank
from training.personal.render import render_set
from training.personal.results import load_results, save_results
from training.personal.sets import parts_of, pool_of
from training.sound.recipe import SoundRecipe
from training.sound.source import load_sound_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.features.ams_spec import AmsSpec
    from training.personal.recipe import PersonalRecipe, SoundSet
    from training.personal.render import Decisions
    from training.personal.results import PersonalResults
    from training.personal.sets import Part

    Progress = Callable[[str], None]


def run_personal(recipe: PersonalRecipe, recipe_path: Path, progress: Progress) -> PersonalResults:
    """Everything; rendered sets and C2 are taken from the cache. The page is written afterwards."""
    results = evaluate_personal(recipe, recipe_path, progress)
    write_page(recipe, recipe_path, results)
    return results


def evaluate_personal(recipe: PersonalRecipe, recipe_path: Path, progress: Progress) -> PersonalResults:
    """Train and measure; kept for `export_personal`."""
    del recipe_path
    started = time.monotonic()
    results = experiment(recipe, load_sets(recipe, progress), progress)
    save_results(recipe, results)
    progress(f"done in {(time.monotonic() - started) / 60:.1f} minutes")
    return results


def export_personal(recipe: PersonalRecipe, recipe_path: Path, progress: Progress) -> Path:
    """Write the page of what was measured before. Raises UsageError when nothing was."""
    del progress
    return write_page(recipe, recipe_path, load_results(recipe))


def load_sets(recipe: PersonalRecipe, progress: Progress) -> dict[tuple[str, Part], Decisions]:
    """The decisions of every set and part. Raises UsageError naming what is missing."""
    sound = load_recipe(Path(recipe.sound))
    if not isinstance(sound, SoundRecipe):
        raise UsageError(recipe.sound, "is no recipe of system `sound`", "Correct `sound` in the recipe")
    source = load_sound_source(sound, progress)
    spec = bank_of(recipe)
    parts = parts_of(source, recipe.seed)
    sizes = recipe.sizes
    wanted: list[tuple[SoundSet, Part, int]] = [
        (recipe.comprehensive, "train", sizes.comprehensive),
        (recipe.comprehensive, "validation", sizes.validation),
        (recipe.baseline, "train", sizes.baseline),
    ]
    for user in recipe.users:
        wanted.append((user, "user", sizes.user))
        if user.personalised:
            wanted.append((user, "aggregation", sizes.aggregation))
    return {
        (chosen.name, part): render_set(
            recipe,
            source,
            spec,
            f"{chosen.name} {part}",
            pool_of(recipe, source, parts, chosen, (part,)),
            count,
            progress,
        )
        for chosen, part, count in wanted
    }


def bank_of(recipe: PersonalRecipe) -> AmsSpec:
    """The filter bank of a recipe."""
    if isinstance(recipe.bank, Bank):
        return replace(AMS_PLAIN, **recipe.bank.model_dump())
    return AMS_OPTIMISED if recipe.bank == "optimised" else AMS_PLAIN
