"""The paper's tables, on whatever recordings the recipe names: every row trained, asked, written down."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError
from training.data.splits import Part
from training.export import recipe_name
from training.results import RESULTS_FILE
from training.species.embedded import experiment
from training.species.measure import scores
from training.species.source import load_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.species.recipe import SpeciesTableRecipe
    from training.species.results import Scores

    Progress = Callable[[str], None]

PARTS = (Part.VALIDATION, Part.TEST)


@dataclass(frozen=True, slots=True)
class RowResult:
    """A line of a table."""

    table: str
    name: str
    parameters: int
    validation: Scores | None
    """Of the part that chose the checkpoint; the paper reports this one, `devel`."""
    test: Scores | None
    paper: str
    """What the paper has in its place."""


@dataclass(frozen=True, slots=True)
class TableResults:
    """All rows."""

    rows: tuple[RowResult, ...]

    def lines(self) -> list[str]:
        """For a terminal."""
        return [
            f"{row.table}: {row.name:34} validation {_cell(row.validation)}  test {_cell(row.test)}"
            for row in self.rows
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def run_table(recipe: SpeciesTableRecipe, recipe_path: Path, progress: Progress) -> TableResults:
    """Everything; finished networks are taken from the cache. The report is written where the recipe says."""
    started = time.monotonic()
    results = evaluate_table(recipe, recipe_path, progress)
    report = Path(recipe.report)
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(markdown(recipe, recipe_name(recipe_path), results), encoding="utf-8")
    progress(f"wrote {recipe.report} after {(time.monotonic() - started) / 60:.1f} minutes")
    return results


def evaluate_table(recipe: SpeciesTableRecipe, recipe_path: Path, progress: Progress) -> TableResults:
    """The rows without the report; kept as JSON in the recipe's cache."""
    rows: list[RowResult] = []
    for row in recipe.rows:
        settings = recipe.settings_of(row)
        source = load_source(settings, progress)
        progress(f"{row.table}: {row.name}")
        found: dict[Part, Scores | None] = {}
        count = 0
        for part in PARTS:
            answers, count = experiment(settings, source, part, progress)
            found[part] = scores(answers, source.labels) if answers is not None else None
        rows.append(RowResult(row.table, row.name, count, found[Part.VALIDATION], found[Part.TEST], row.paper))
    results = TableResults(tuple(rows))
    cache = Path(recipe.cache)
    cache.mkdir(parents=True, exist_ok=True)
    (cache / f"table-{RESULTS_FILE}").write_text(json.dumps(results.to_dict(), indent=2), encoding="utf-8")
    return results


def export_table(recipe: SpeciesTableRecipe, recipe_path: Path, progress: Progress) -> Path:
    """Raises UsageError: these networks are compared, not shipped."""
    remedy = "Export the shipped classifier: auricle-train export configs/training/species/default.toml."
    raise UsageError(str(recipe_path), "a recipe of the system species-paper makes a table and no bundle", remedy)


def markdown(recipe: SpeciesTableRecipe, name: str, results: TableResults) -> str:
    """The report."""
    lines = [
        f"# {recipe.title}",
        "",
        f"Written by `auricle-train run {name}`; do not edit.",
        "",
        "Mean average precision and unweighted average recall in per cent, the latter with its 95 % interval "
        "(recordings, or recorder-days, resampled). The checkpoint was chosen on the validation part, so its figures "
        "flatter; test clips chose nothing. The paper's figures are of its own validation part. Of the last weights "
        "and their average the better on validation is kept: where it is the former, EMA changes nothing.",
    ]
    for table in dict.fromkeys(row.table for row in results.rows):
        lines += ["", f"## {table}", "", "| row | parameters | validation mAP / UAR | test mAP / UAR | the paper |"]
        lines.append("|---" * 5 + "|")
        lines += [
            f"| {row.name} | {row.parameters:,} | {_cell(row.validation)} | {_cell(row.test)} | {row.paper} |"
            for row in results.rows
            if row.table == table
        ]
    return "\n".join(lines) + "\n"


def _cell(one: Scores | None) -> str:
    if one is None:
        return "-"
    return f"{100 * one.map:.1f} / {100 * one.uar.value:.1f} ({100 * one.uar.low:.0f}..{100 * one.uar.high:.0f})"
