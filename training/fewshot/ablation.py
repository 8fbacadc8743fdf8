"""The paper's tables, run on whatever recordings the recipe names: every row trained, tested and written down."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import UsageError
from training.data.episodes import Protocol
from training.data.splits import Part
from training.export import recipe_name
from training.fewshot.episodes_score import EpisodeSet, Method
from training.fewshot.figures import Interval, OverSeeds
from training.fewshot.paper_fit import Material, Run, fit_all
from training.fewshot.paper_results import PaperResults, RowScore, Score, markdown
from training.fewshot.paper_source import load_source
from training.fewshot.paper_store import render_clips

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from training.fewshot.episodes_score import Measured
    from training.fewshot.paper_recipe import PaperRecipe, Row

RESULTS_FILE = "results.json"


def run_paper(recipe: PaperRecipe, recipe_path: Path, progress: Callable[[str], None]) -> PaperResults:
    """Everything; finished runs are taken from the cache. The report is written where the recipe says."""
    started = time.monotonic()
    results = _measured(recipe, recipe.scoring.parts, progress)
    _write(recipe, recipe_path, results)
    progress(f"wrote {recipe.report} after {(time.monotonic() - started) / 60:.1f} minutes")
    return results


def evaluate_paper(recipe: PaperRecipe, recipe_path: Path, progress: Callable[[str], None]) -> PaperResults:
    """Validation species only, to choose by; nothing is written but finished runs.

    Raises UsageError when the recipe does not score validation species.
    """
    if Part.VALIDATION not in recipe.scoring.parts:
        remedy = "Add validation to `parts` under [scoring], or use `auricle-train run`, which asks about the test too."
        raise UsageError(str(recipe_path), "validation species are not scored", remedy)
    return _measured(recipe, (Part.VALIDATION,), progress)


def export_paper(recipe: PaperRecipe, recipe_path: Path, progress: Callable[[str], None]) -> Path:
    """Raises UsageError: these encoders are compared, not shipped."""
    remedy = "Export the shipped encoder: auricle-train export configs/training/fewshot/default.toml."
    raise UsageError(str(recipe_path), "a recipe of the system fewshot-paper makes a table and no bundle", remedy)


def _measured(recipe: PaperRecipe, scored: tuple[Part, ...], progress: Callable[[str], None]) -> PaperResults:
    """Runs embed all of the recipe's parts, whichever are scored now: what validated is not trained anew to test."""
    source = load_source(recipe, progress)
    material = Material(
        clips={part: render_clips(recipe, source, part, progress) for part in (Part.TRAIN, *recipe.scoring.parts)},
        labels=tuple(one.label for one in source.recordings[Part.TRAIN]),
    )
    runs = plan(recipe, material)
    fit_all([run for seeds in runs.values() for run in seeds], recipe.workers, progress)
    progress(f"{sum(map(len, runs.values()))} runs are there; scoring")
    scoring = recipe.scoring
    protocol = Protocol(scoring.ways, scoring.shots, apart=scoring.apart)
    asked = {
        part: EpisodeSet(source.recordings[part], protocol, scoring.count, replicates=scoring.replicates)
        for part in scored
    }
    counted = {part: source.recordings[part] for part in (Part.TRAIN, *scored)}
    return PaperResults(
        rows=tuple(score_rows(recipe, runs, asked)),
        recordings={part: len(some) for part, some in counted.items()},
        species={part: len({one.label for one in some}) for part, some in counted.items()},
    )


def plan(recipe: PaperRecipe, material: Material) -> dict[str, list[Run]]:
    """The runs of each training, one for each seed; rows that differ in testing alone share them."""
    rows: dict[str, list[Row]] = {}
    for row in recipe.rows:
        rows.setdefault(row.training, []).append(row)
    return {
        training: [
            Run(recipe, alike[0], tuple(sorted({row.test for row in alike})), seed, material) for seed in recipe.seeds
        ]
        for training, alike in rows.items()
    }


def score_rows(recipe: PaperRecipe, runs: dict[str, list[Run]], asked: dict[Part, EpisodeSet]) -> list[RowScore]:
    """All rows; those of one table are compared with its first."""
    first: dict[tuple[str, Part], Sequence[Measured]] = {}
    scored: list[RowScore] = []
    for row in recipe.rows:
        scores: dict[Part, Score] = {}
        against: dict[Part, Interval] = {}
        for part, episodes in asked.items():
            embedded = [(run.embeddings(part, row.test), run.mean()) for run in runs[row.training]]
            centred = [episodes.measure(rows, Method.SUPPORT_CENTRED) for rows, _ in embedded]
            frozen = [episodes.measure(rows, Method.NEAREST, mean) for rows, mean in embedded]
            spread = OverSeeds.of(row.name, [one.figure.accuracy.value for one in centred])
            deviation = spread.deviation if spread.seeds > 1 else None
            scores[part] = Score(_over_seeds(centred), deviation, _over_seeds(frozen))
            reference = first.setdefault((row.table, part), centred)
            if reference is not centred:
                against[part] = _difference(centred, reference)
        scored.append(RowScore(row.table, row.name, scores, against))
    return scored


def _over_seeds(measured: Sequence[Measured]) -> Interval:
    """Mean of the seeds; each replicate draws the same species and recordists for all."""
    value = float(np.mean([one.figure.accuracy.value for one in measured]))
    return Interval.around(value, np.mean([one.replicates for one in measured], axis=0), (0.0, 1.0))


def _difference(measured: Sequence[Measured], reference: Sequence[Measured]) -> Interval:
    values = [[one.figure.accuracy.value for one in some] for some in (measured, reference)]
    replicates = [np.mean([one.replicates for one in some], axis=0) for some in (measured, reference)]
    return Interval.around(float(np.mean(values[0]) - np.mean(values[1])), replicates[0] - replicates[1])


def _write(recipe: PaperRecipe, recipe_path: Path, results: PaperResults) -> None:
    (Path(recipe.cache) / RESULTS_FILE).write_text(json.dumps(results.to_dict(), indent=2), encoding="utf-8")
    report = Path(recipe.report)
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(markdown(recipe, recipe_name(recipe_path), results), encoding="utf-8")
