"""The paper's tables, on whatever recordings the recipe names: every row trained, quantised, tested, written down."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError
from training.export import recipe_name
from training.nets.counting import Counts, count
from training.nets.mobileast import FRAMES
from training.results import RESULTS_FILE
from training.scene.eight import eight_bits
from training.scene.measure import Measured, accuracies, score_folds
from training.scene.networks import network_of, student_of
from training.scene.quantise import sizes
from training.scene.scores import accuracy
from training.scene.source import load_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.scene.results import Accuracies
    from training.scene.table_recipe import SceneTableRecipe

    Progress = Callable[[str], None]


PAPER_CLASSES = 10


@dataclass(frozen=True, slots=True)
class RowResult:
    """A line of a table."""

    table: str
    name: str
    counts: Counts
    ten: Counts
    """With the paper's ten classes."""
    initialiser_bytes: int
    """Of the eight-bit model."""
    file_bytes: int
    student: Accuracies
    quantised: Accuracies
    devices: dict[str, float]
    """Where the row asks: decisions of the eight-bit networks through microphones that trained, and through others."""
    paper: str
    """What the paper has in its place."""


@dataclass(frozen=True, slots=True)
class TableResults:
    """All rows."""

    rows: tuple[RowResult, ...]

    def lines(self) -> list[str]:
        """For a terminal."""
        return [
            f"{row.table}: {row.name}  float {row.student.decisions}  int8 {row.quantised.decisions}  "
            f"{row.counts.parameters} parameters  {row.counts.table_macs / 1e6:.3f} M MACs"
            for row in self.rows
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def run_table(recipe: SceneTableRecipe, recipe_path: Path, progress: Progress) -> TableResults:
    """Everything; finished networks are taken from the cache. The report is written after every row."""
    started = time.monotonic()
    report = Path(recipe.report)
    report.parent.mkdir(parents=True, exist_ok=True)

    def write(so_far: TableResults) -> None:
        report.write_text(markdown(recipe, recipe_name(recipe_path), so_far), encoding="utf-8")

    results = evaluate_table(recipe, recipe_path, progress, write)
    progress(f"wrote {recipe.report} after {(time.monotonic() - started) / 60:.1f} minutes")
    return results


def evaluate_table(
    recipe: SceneTableRecipe,
    recipe_path: Path,
    progress: Progress,
    after_row: Callable[[TableResults], None] = lambda _: None,
) -> TableResults:
    """The rows without the report; kept as JSON in the recipe's cache. `after_row` gets those that are there."""
    rows: list[RowResult] = []
    known: dict[str, Measured] = {}
    for row in recipe.rows:
        settings = recipe.settings_of(row)
        source = load_source(settings, progress)
        progress(f"{row.table}: {row.name}")
        made = f"{row.devices} {settings.model_dump_json()}"
        if made not in known:
            known[made] = score_folds(settings, source, progress, devices=row.devices, beside=False)
        measured = known[made]
        stored = sizes(eight_bits(settings, source, source.folds[0], progress)[1])
        devices = {name: accuracy(some.decided(), len(source.scenes)) for name, some in measured.devices.items()}
        rows.append(
            RowResult(
                table=row.table,
                name=row.name,
                counts=count(student_of(settings, source), FRAMES, 256),
                ten=count(network_of(settings.network, PAPER_CLASSES), FRAMES, 256),
                initialiser_bytes=stored.initialisers,
                file_bytes=stored.file,
                student=accuracies(measured.student, source),
                quantised=accuracies(measured.quantised, source),
                devices=devices,
                paper=row.paper,
            )
        )
        after_row(TableResults(tuple(rows)))
    results = TableResults(tuple(rows))
    cache = Path(recipe.cache)
    cache.mkdir(parents=True, exist_ok=True)
    (cache / f"table-{RESULTS_FILE}").write_text(json.dumps(results.to_dict(), indent=2), encoding="utf-8")
    return results


def export_table(recipe: SceneTableRecipe, recipe_path: Path, progress: Progress) -> Path:
    """Raises UsageError: these networks are compared, not shipped."""
    remedy = "Export the shipped classifier: auricle-train export configs/training/scene/default.toml."
    raise UsageError(str(recipe_path), "a recipe of the system scene-paper makes a table and no bundle", remedy)


def markdown(recipe: SceneTableRecipe, name: str, results: TableResults) -> str:
    """The report."""
    seconds = f"{recipe.decision.seconds:g} s"
    lines = [
        f"# {recipe.title}",
        "",
        f"Written by `auricle-train run {name}`; do not edit.",
        "",
        "Accuracy in per cent on recordings that the networks never heard (95 %, resampled by recording), before and "
        f"after eight bits; a decision averages {seconds}. Parameters after fusion, in brackets with the paper's ten "
        "classes. MACs as the challenge counts them with ten classes, in brackets with every token and attention. KiB: "
        "initialisers of the eight-bit ONNX model (in brackets its file). Microphones: decisions of the eight-bit "
        "networks through impulse responses that trained / that did not.",
        *(["", recipe.note] if recipe.note else []),
    ]
    head = (
        f"| row | parameters | MACs, M | KiB | float 1 s | int8 1 s | float {seconds} | int8 {seconds} | microphones |"
    )
    for table in dict.fromkeys(row.table for row in results.rows):
        lines += ["", f"## {table}", "", f"{head} the paper |", "|---" * 10 + "|"]
        lines += [_line(row) for row in results.rows if row.table == table]
    return "\n".join(lines) + "\n"


def _line(row: RowResult) -> str:
    cells = [
        row.name,
        f"{row.counts.parameters} ({row.ten.parameters})",
        f"{row.ten.table_macs / 1e6:.3f} ({row.ten.macs / 1e6:.1f})",
        f"{row.initialiser_bytes / 1024:.1f} ({row.file_bytes / 1024:.1f})",
        *(
            f"{100 * one.value:.1f} ({100 * one.low:.0f}..{100 * one.high:.0f})"
            for one in (
                row.student.windows,
                row.quantised.windows,
                row.student.decisions,
                row.quantised.decisions,
            )
        ),
        " / ".join(f"{100 * share:.1f}" for share in row.devices.values()),
        row.paper,
    ]
    return f"| {' | '.join(cells)} |"
