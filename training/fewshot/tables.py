"""The figures as Markdown tables for the model card, and as lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from training.fewshot.figures import (
        EncoderFigures,
        FalseTagFigure,
        FewShotFigure,
        InsertedFigure,
        OpenSetFigure,
        OverSeeds,
    )


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; columns but the first are aligned to the right."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def few_shot_table(figures: Sequence[FewShotFigure], *, methods: bool = True) -> str:
    """One row an encoder (and method), one column a protocol; accuracy in percent with its 95 % interval."""
    columns = list(dict.fromkeys((one.protocol, one.apart) for one in figures))
    cells = {(one.name, one.method, one.protocol, one.apart): one.accuracy.percent() for one in figures}
    rows = list(dict.fromkeys((one.name, one.method) for one in figures))
    header = [
        "",
        *(["classifier"] if methods else []),
        *(f"{protocol}, another {apart}" for protocol, apart in columns),
    ]
    return markdown(
        header,
        (
            [name, *([method] if methods else []), *(cells.get((name, method, *column), "") for column in columns)]
            for name, method in rows
        ),
    )


def inserted_table(figures: Sequence[InsertedFigure]) -> str:
    """One row a choice of windows, one column a ratio of call to background."""
    ratios = list(dict.fromkeys(one.snr_db for one in figures))
    cells = {(one.figure.name, one.snr_db): one.figure.accuracy.percent() for one in figures}
    names = list(dict.fromkeys(one.figure.name for one in figures))
    header = ["windows that are averaged", *(f"{ratio:g} dB" for ratio in ratios)]
    return markdown(header, ([name, *(cells.get((name, ratio), "") for ratio in ratios)] for name in names))


def open_set_table(figures: Sequence[OpenSetFigure]) -> str:
    """One row a number of enrolled species and clips; shares in percent at the shipped threshold."""
    header = [
        "enrolled",
        "clips of each",
        "AUROC",
        "AUROC of plain cosines",
        "recall",
        "another's name",
        "unknown named",
    ]
    return markdown(
        header,
        (
            [
                f"{one.enrolled} species",
                f"{one.shots}",
                str(one.auroc),
                str(one.auroc_cosine),
                one.recall.percent(),
                one.misnamed.percent(),
                one.unknown_named.percent(),
            ]
            for one in figures
        ),
    )


def false_tag_table(figures: Sequence[FalseTagFigure]) -> str:
    """One row a kind of sound and number of enrolled species."""
    header = ["sound", "enrolled", "hours", "activities", "false tags", "an hour", "at most (95 %)"]
    return markdown(
        header,
        (
            [
                one.name,
                f"{one.enrolled} species, {one.shots} {'clip' if one.shots == 1 else 'clips'} each",
                f"{one.hours:.2f}",
                f"{one.activities}",
                f"{one.count:.2f}",
                f"{one.per_hour:.2f}",
                f"{one.most_per_hour:.1f}",
            ]
            for one in figures
        ),
    )


def seeds_table(figures: Sequence[OverSeeds]) -> str:
    """Mean and deviation over trainings that differ in their seed only, in percent."""
    return markdown(["", "mean ± deviation", "seeds"], ([one.name, str(one), f"{one.seeds}"] for one in figures))


def terminal_lines(figures: EncoderFigures) -> list[str]:
    """Everything, one figure a line."""
    lines = [
        f"{one.name}, {one.method}: {one.protocol}, another {one.apart}: {one.accuracy.percent()} %"
        for one in figures.few_shot
    ]
    lines += [
        f"calls in 30 s at {one.snr_db:g} dB, {one.figure.name}: {one.figure.protocol}: "
        f"{one.figure.accuracy.percent()} %"
        for one in figures.inserted
    ]
    lines += [
        f"{one.enrolled} enrolled from {one.shots}: AUROC {one.auroc}  recall {one.recall.percent()} %  "
        f"unknown named {one.unknown_named.percent()} %"
        for one in figures.open_set
    ]
    lines += [
        f"{one.name}, {one.enrolled} enrolled from {one.shots}: {one.count:.2f} false tags in {one.hours:.2f} h, "
        f"at most {one.most_per_hour:.1f} an hour"
        for one in figures.false_tags
    ]
    return lines + [f"{one.name}, {one.seeds} seeds: {one} %" for one in figures.seeds]
