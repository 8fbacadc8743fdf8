"""The page on how well machines are judged, from what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.core.text import counted
from training.anomaly.measure import PLAIN_ENROLLED, UNHEARD_ENROLLED
from training.anomaly.replayed import FOLDS, lines_of, most_an_hour
from training.anomaly.tables import CAPTION, PAPERS_OWN, cells_table, paper_table, rows_table

if TYPE_CHECKING:
    from training.anomaly.results import AnomalyResults

AIM = (0.85, 0.80)
"""All figures, and the headline, that were aimed at on these test clips."""
SHOWN = (
    "level only",
    "crest only",
    "mean and deviation of the log-mel",
    "simple features",
    PLAIN_ENROLLED,
    UNHEARD_ENROLLED,
)
"""Rows whose single figures are shown."""


def machine_page(recipe: str, results: AnomalyResults) -> str:
    """Markdown. `recipe`: its name, for the command."""
    chosen = {one.name: one.chosen for one in results.lines}
    fixed = {one.name: one.fixed for one in results.lines if one.choices}
    shown = {name: chosen[name] for name in SHOWN if name in chosen}
    chosen_for = {one.name: one.choices for one in results.lines if one.choices}
    parts = [
        "# How well machines are judged",
        f"Written by `auricle-train run {recipe}`; do not edit. The two official baselines, the machine paper's rows "
        "(backbones, generalisation, specialisation, ensembles, the domain classifier) and their ablation on the same "
        "clips are on [a page of their own](anomaly-ablation.md).",
        _verdict(results),
        "## The rows",
        f"Detectors see `train` only, the figures are of `test`. {CAPTION}",
        "*As enrolled on site* is the monitor: `auricle machine enroll` with its defaults, `auricle machine score`. In "
        "the other rows detectors are mean distances to the nearest normals, scaled by normals left out, and the "
        "scores of views are averaged; how many neighbours (1, 2 or 4), and whether one detector serves both domains "
        "or the better fitting of two, is chosen for each machine by what it gives on the **other** machines, never "
        "by its own test clips. *Simple features* are spectrum percentiles, crest factor, kurtosis and level, each a "
        "view of its own; the monitor has crest factor and kurtosis beside the percentiles in one view. *Machine never "
        "heard*: the encoder was trained without any clip of that machine. Level and crest factor stand alone in the "
        "table because what they find needs no ear.",
        "\n".join(rows_table(chosen)),
        "Two neighbours and the better fitting domain for all machines, nothing chosen:",
        "\n".join(rows_table(fixed)),
        "## Figures that the headline averages",
        "\n".join(cells_table(shown, headline=True)),
        "## Figures on few clips, and lathe's",
        "\n".join(cells_table(shown, headline=False)),
        "## The paper's own variant",
        PAPERS_OWN,
        "\n".join(paper_table({one.name: one.paper for one in results.lines})),
        "## Alarms",
        _alarms(results),
        "\n".join(lines_of(results.replays)),
        "## What was chosen",
        "\n".join(_choices(chosen_for)),
    ]
    return "\n\n".join(parts) + "\n"


def _verdict(results: AnomalyResults) -> str:
    plain, level = results.line(PLAIN_ENROLLED), results.line("level only")
    encoded = results.line(UNHEARD_ENROLLED)
    if plain is None or level is None:
        return "No section could be enrolled."
    low, high = plain.chosen.headline_interval
    told = (
        f"As enrolled on site, without an encoder: **{plain.chosen.everything:.3f}** over all figures, "
        f"**{plain.chosen.headline:.3f}** ({low:.2f} to {high:.2f}) over those that stand on enough clips; aimed at "
        f"were {AIM[0]:.2f} and {AIM[1]:.2f}. Level alone gives {level.chosen.everything:.3f} and "
        f"{level.chosen.headline:.3f}."
    )
    if encoded is not None:
        told += (
            f" With the encoder, on machines that it never heard: {encoded.chosen.everything:.3f} and "
            f"{encoded.chosen.headline:.3f}; it is therefore used only for machines that are enrolled with `--encoder`."
        )
    return (
        told + " The weights of the views and the length of a context were tried on these same clips, leaving one "
        "machine out: on other recordings expect less. Of each machine there are one or two recording sessions; the "
        "intervals are over clips and know nothing of another pump."
    )


def _alarms(results: AnomalyResults) -> str:
    untaught = sum(one.untaught for one in results.replays)
    rang = sum(one.false_alarms for one in results.replays)
    hours = sum(one.healthy_s for one in results.replays) / 3600
    often = most_an_hour(rang, hours * 3600)
    return (
        "Each section was enrolled from `train` and its test clips streamed as one recording, normals first, through "
        "the monitor's own stages with its default alarm (20 of 30 windows above the line, set for one false alarm a "
        "week). An alarm needs twenty seconds, so the first windows of the anomalies are never in one. Healthy sound "
        f"is the normal test clips, and the training clips in {FOLDS} parts, each streamed to a machine that was "
        "enrolled from the others; an alarm that begins in it is a false one. *At most*: the upper end of the "
        f"one-sided 95 % interval of a Poisson rate. In all: {counted(rang, 'false alarm')} in {hours:.2f} hours, at "
        f"most {often:.0f} an hour. So little sound cannot show one a week; and where a machine's day differs from "
        "those that it was enrolled on, one a week is not kept: add that day to its normals (`auricle machine "
        f"normal`). Test clips whose attribute no training clip has ({untaught}) are left out. The same through the "
        "command line: `pytest tests/integration/test_machine_replay.py`."
    )


def _choices(chosen: dict[str, dict[str, str]]) -> list[str]:
    lines = ["| row | machine | detectors |", "|---|---|---|"]
    lines += [f"| {name} | {machine} | {what} |" for name, some in chosen.items() for machine, what in some.items()]
    return lines
