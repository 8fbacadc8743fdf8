"""What a paper recipe measured: rows with their accuracies, as text, JSON and Markdown."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.data.splits import Part
    from training.fewshot.figures import Interval
    from training.fewshot.paper_recipe import PaperRecipe


@dataclass(frozen=True, slots=True)
class Score:
    """Accuracy of a row on one part, mean of the seeds."""

    paper: Interval
    """Centred on the support's mean, then scaled to length 1: the paper's. 95 % over species and recordists."""
    deviation: float | None
    """Of the seeds, 0..1; None where there is one."""
    frozen: Interval
    """Centred on the mean of training windows instead: what the monitor does."""


@dataclass(frozen=True, slots=True)
class RowScore:
    """A line of the table."""

    table: str
    name: str
    scores: dict[Part, Score]
    against: dict[Part, Interval]
    """How much more accurate it is than the first row of its table (paired draws); empty for that row."""


@dataclass(frozen=True, slots=True)
class PaperResults:
    """The whole table."""

    rows: tuple[RowScore, ...]
    recordings: dict[Part, int]
    species: dict[Part, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For a terminal."""
        return [
            "  ".join([f"{row.table}: {row.name}", *(f"{part} {s.paper.percent()}" for part, s in row.scores.items())])
            for row in self.rows
        ]


def markdown(recipe: PaperRecipe, recipe_name: str, results: PaperResults) -> str:
    """The report."""
    parts = recipe.scoring.parts
    counted = ", ".join(f"{results.recordings[p]} of {results.species[p]} species ({p})" for p in results.recordings)
    limit = f"{recipe.optimiser.steps} steps" if recipe.optimiser.steps else f"{recipe.optimiser.epochs} epochs"
    scoring = recipe.scoring
    lines = [
        f"# {recipe.title}",
        "",
        f"Written by `auricle-train run {recipe_name}`; do not edit.",
        "",
        f"Recordings: {counted}. {limit} of {recipe.optimiser.batch} recordings, seeds "
        f"{', '.join(map(str, recipe.seeds))}. {_insertion(recipe)}Accuracy in per cent of {scoring.count} "
        f"{scoring.ways}-way {scoring.shots}-shot episodes whose support and query share no {scoring.apart}, mean of "
        "the seeds; in brackets 95 % over species and recordists, then the standard deviation of the seeds. "
        "*Centred*: on the mean of the support, as the paper does. *Frozen*: on a mean of training windows, as the "
        "monitor does. *Difference*: to the first row of its table, in points, drawn in pairs. Batch normalisation is "
        "frozen and every window is scaled by itself, so no score depends on its batch (in the released code both do).",
    ]
    tables = list(dict.fromkeys(row.table for row in results.rows))
    heads = [f"{part}: {what}" for part in parts for what in ("centred", "difference", "frozen")]
    for table in tables:
        lines += ["", f"## {table}", "", f"| row | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
        for row in results.rows:
            if row.table == table:
                cells = [cell for part in parts for cell in _cells(row, part)]
                lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(row: RowScore, part: Part) -> list[str]:
    score = row.scores[part]
    spread = "" if score.deviation is None else f", ±{100 * score.deviation:.1f}"
    return [
        f"{score.paper.percent()}{spread}",
        row.against[part].percent() if part in row.against else "",
        score.frozen.percent(),
    ]


def _insertion(recipe: PaperRecipe) -> str:
    if recipe.insertion is None:
        return ""
    low, high = recipe.insertion.snr_db
    return (
        f"Each clip, which is cut to the call, is put somewhere into {recipe.insertion.seconds:g} s of wind, rain, "
        f"sea, insects or engines of ESC-50, {low:g} to {high:g} dB above it (other folds for each part; the gate was "
        "trained on all of them). "
    )
