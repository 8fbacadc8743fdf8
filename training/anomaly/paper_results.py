"""What a paper recipe measured: lines with their figures, as text, JSON and Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.anomaly.metrics import paper_figures
from training.anomaly.tables import CAPTION, PAPERS_OWN, cells_table, paper_table, rows_table

if TYPE_CHECKING:
    from training.anomaly.metrics import ScoredClips, Summary
    from training.anomaly.recipe import PaperRecipe


@dataclass(frozen=True, slots=True)
class PaperLine:
    """A line of the tables."""

    name: str
    summary: Summary
    """The official figures."""
    paper: dict[str, float]
    """The paper's variant: source, target, all."""
    choices: dict[str, str]
    """The system of each machine, where one was chosen."""

    @classmethod
    def of(cls, name: str, clips: ScoredClips, summary: Summary, choices: dict[str, str]) -> PaperLine:
        """From the scored test clips."""
        return cls(name, summary, paper_figures(clips), choices)


@dataclass(frozen=True, slots=True)
class PaperResults:
    """All tables."""

    rows: tuple[PaperLine, ...]
    domains: dict[str, float]
    """Area under the curve of the domain classifier, by machine and section."""

    def lines(self) -> list[str]:
        """For a terminal."""
        rows = [
            f"{one.name}: all {one.summary.everything:.3f}, headline {one.summary.headline:.3f}" for one in self.rows
        ]
        return [*rows, *(f"domains of {name} told apart: AUC {area:.3f}" for name, area in self.domains.items())]


def markdown(recipe: PaperRecipe, recipe_name: str, results: PaperResults) -> str:
    """The report."""
    summaries = {one.name: one.summary for one in results.rows}
    optimiser = recipe.optimiser
    length = f"{optimiser.steps} steps" if optimiser.steps else f"{optimiser.epochs} epochs"
    few = {name: one for name, one in summaries.items() if "per machine" not in name or "domain" in name}
    lines = [
        f"# {recipe.title}",
        "",
        f"Written by `auricle-train run {recipe_name}`; do not edit.",
        "",
        f"An extractor for each machine and row, {recipe.backbone} where the row says nothing else, {length}; "
        f"detectors on {recipe.detection.normals} normals. Inlier model, size, features and aggregator are chosen for "
        "each machine by what they give on the others (rows and the shared ensemble), or by altered normals of its own "
        "(ensembles per machine); lines that were chosen on the test clips say so and are no result. Every mean, "
        f"deviation and weight comes from training normals. {CAPTION}",
        "",
        *rows_table(summaries),
        "",
        "## Figures that the headline averages",
        "",
        *cells_table(few, headline=True),
        "",
        "## Figures on few clips, and lathe's",
        "",
        *cells_table(few, headline=False),
        "",
        "## The paper's variant",
        "",
        PAPERS_OWN,
        "",
        *paper_table({one.name: one.paper for one in results.rows}),
        "",
        "## Domain classifier",
        "",
        "Area under the curve of telling the target domain's test clips from the source's.",
        "",
        "| section | AUC |",
        "|---|---|",
        *(f"| {name} | {area:.3f} |" for name, area in results.domains.items()),
        "",
        "## What was chosen",
        "",
        "| line | machine | system |",
        "|---|---|---|",
        *(f"| {one.name} | {machine} | {what} |" for one in results.rows for machine, what in one.choices.items()),
    ]
    return "\n".join(lines) + "\n"
