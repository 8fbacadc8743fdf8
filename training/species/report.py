"""The page about a classifier: how well it does, in pictures and figures, and how to hear it for oneself."""

from __future__ import annotations

from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING

from training.export import recipe_name
from training.species.picture import picture_paths

if TYPE_CHECKING:
    from training.species.recipe import SpeciesRecipe
    from training.species.results import Joined, Scores, SpeciesResults


def write_report(recipe: SpeciesRecipe, recipe_path: Path, results: SpeciesResults) -> Path | None:
    """Markdown where the recipe says; its path, None where it says nothing."""
    if not recipe.report:
        return None
    path = Path(recipe.report)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(species_report(recipe, recipe_path, results), encoding="utf-8")
    return path


def species_report(recipe: SpeciesRecipe, recipe_path: Path, results: SpeciesResults) -> str:
    """The page; pictures are linked from the folder of the report."""
    name, version = recipe.bundle.name, recipe.bundle.version
    parts = [
        f"# {name} {version}: known animals",
        f"Written by `auricle-train run {recipe_name(recipe_path)}`; do not edit. {recipe.bundle.summary}",
        _clips(results),
        _pictures(recipe, results),
        _joined(recipe, results.joined, results.joined_anywhere) if results.joined else "",
        recipe.report_notes.strip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _clips(results: SpeciesResults) -> str:
    rows = ["| clips | how many | UAR | mAP | accuracy |", "|---|---|---|---|---|"]
    for i, (title, one) in enumerate(
        (("validation, which chose checkpoint and thresholds", results.validation), ("test", results.test))
    ):
        if one is not None:
            count = sum(counts[i + 1] for counts in results.clips.values())
            rows.append(f"| {title} | {count} | {one.uar} | {one.map:.3f} | {one.accuracy:.3f} |")
    rows += [f"| test, from {cue} alone (boosted trees) | | {value:.3f} | | |" for cue, value in results.cues.items()]
    told = [
        "## Clips that were never heard",
        "Parts share no recorder and day, no original recording and no recordist. A clip is what the mean over its "
        "windows says; UAR is the unweighted mean of the classes' recalls, in brackets its 95 % interval (recordings "
        "and recorder-days resampled); the model is the file that ships, eight bits and all.",
        "\n".join(rows),
    ]
    told += ["\n".join(f"- {warning}" for warning in results.warnings)] if results.warnings else []
    return "\n\n".join([*told, _recalls(results)] if results.test else told)


def _recalls(results: SpeciesResults) -> str:
    one: Scores | None = results.test
    joined = results.joined.recall if results.joined else {}
    rows = [
        "| class | clips that train | test | recall | recall, joined recording | threshold |",
        "|---|---|---|---|---|---|",
    ]
    for label in results.labels:
        train, _, test = results.clips[label]
        recall = f"{one.recall[label]:.2f}" if one and label in one.recall else "-"
        also = f"{joined[label]:.2f}" if label in joined else "-"
        least = f"{results.thresholds[label]:.2f}" if label in results.thresholds and label != results.reject else "-"
        rows.append(f"| {label.replace('_', ' / ')} | {train} | {test} | {recall} | {also} | {least} |")
    return "\n".join(rows)


def _pictures(recipe: SpeciesRecipe, results: SpeciesResults) -> str:
    folder = Path(recipe.report).parent
    drawn = [relpath(path, folder) for path in picture_paths(recipe)]
    if not results.confusion:
        return ""
    return (
        f"![Confusion matrix: rows are the right classes, columns the answers]({drawn[0]})\n\n"
        f"![t-SNE of what stands before the last layer, a point for each window]({drawn[1]})"
    )


def _named(joined: Joined) -> str:
    told = ", ".join(f"{label.replace('_', ' / ')} {count}" for label, count in joined.false.items())
    return f" ({told})" if told else ""


def _joined(recipe: SpeciesRecipe, joined: Joined, anywhere: Joined | None) -> str:
    false = _named(joined)
    folder = f"{recipe.cache}/joined"
    minutes, rate = 60 * joined.background_h, joined.false_hits_per_hour
    chosen = f" (`{'`, `'.join(recipe.joined_background)}`)" if recipe.joined_background else ""
    also = ""
    if anywhere is not None:
        also = f"""In test background of every kind instead, a new sound every few seconds: UAR {anywhere.uar:.2f},
{anywhere.false_hits_per_hour:.1f} false hits an hour{_named(anywhere)}.

"""
    return f"""## A recording with calls in it

{joined.calls} test calls of at most six seconds, joined with {minutes:.0f} minutes of test background{chosen}
that goes on behind them, the calls 10 dB above it. Heard with the stages and thresholds of the monitor, a window every
{recipe.hop * 0.02:.2g} s:
**UAR {joined.uar:.2f}** (a call is found when the most probable detection over it has its name),
**{rate:.1f} false hits an hour** of background{false}.

{also}The run leaves the recording in `{folder}`; the program itself hears it and is judged by

```sh
auricle replay {folder}/joined.wav --no-tui --speed max --species {recipe.bundle.name} --jsonl - |
    python -m training.species.heard {folder}/joined.csv
```"""
