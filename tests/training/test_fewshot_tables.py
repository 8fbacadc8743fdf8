from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.birds.cohort import Calibration
from tests.helpers.clips import made_recordings
from training.data.episodes import Apart, Protocol
from training.fewshot.cohort_rows import CohortRows
from training.fewshot.episodes_score import Method
from training.fewshot.false_tags import Heard
from training.fewshot.figures import (
    EncoderFigures,
    FalseTagFigure,
    FewShotFigure,
    InsertedFigure,
    Interval,
    OpenSetFigure,
    OverSeeds,
)
from training.fewshot.suite import FewShotSuite, false_tag_figures, open_set_figures
from training.fewshot.tables import (
    false_tag_table,
    few_shot_table,
    inserted_table,
    markdown,
    open_set_table,
    seeds_table,
    terminal_lines,
)

if TYPE_CHECKING:
    from pathlib import Path

FEW_SHOT = FewShotFigure("ours", 5, 1, "recordist", "nearest", Interval(0.81, 0.765, 0.852), 10_000, 60, 350)
SHARE = Interval(0.5, 0.25, 0.75)
OPEN = OpenSetFigure("ours", 5, 3, Interval(0.9, 0.85, 0.94), SHARE, SHARE, SHARE, SHARE, 0.7, 200, 60)
FALSE = FalseTagFigure("speech", 20, 1, 0.5, 9, 0.25, 6.8, 100)
FIGURES = EncoderFigures(
    few_shot=[FEW_SHOT, replace(FEW_SHOT, ways=20), replace(FEW_SHOT, name="log-mel")],
    inserted=[InsertedFigure(10.0, FEW_SHOT), InsertedFigure(20.0, FEW_SHOT)],
    open_set=[OPEN],
    false_tags=[FALSE],
    seeds=[OverSeeds.of("ours", [0.8, 0.82, 0.81]), OverSeeds.of("random", [0.3])],
)


def test_figures_come_back_from_json(tmp_path: Path) -> None:
    FIGURES.save(tmp_path / "figures.json")
    again = EncoderFigures.load(tmp_path / "figures.json")
    # The deviation of a single seed is no number, which equals nothing.
    assert np.isnan(again.seeds[1].deviation)
    assert replace(again, seeds=again.seeds[:1]) == replace(FIGURES, seeds=FIGURES.seeds[:1])
    assert FewShotFigure.from_dict(FEW_SHOT.to_dict()) == FEW_SHOT
    assert OpenSetFigure.from_dict(OPEN.to_dict()) == OPEN


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_tables_have_a_cell_for_everything() -> None:
    table = cells(few_shot_table(FIGURES.few_shot))
    assert table[0] == ["", "classifier", "5-way 1-shot, another recordist", "20-way 1-shot, another recordist"]
    assert table[2] == ["ours", "nearest", "81.0 (76.5..85.2)", "81.0 (76.5..85.2)"]
    assert table[3] == ["log-mel", "nearest", "81.0 (76.5..85.2)", ""]
    assert cells(few_shot_table(FIGURES.few_shot, methods=False))[2][1] == "81.0 (76.5..85.2)"
    assert cells(inserted_table(FIGURES.inserted))[0] == ["windows that are averaged", "10 dB", "20 dB"]
    assert cells(open_set_table(FIGURES.open_set))[2][:3] == ["5 species", "3", "0.900 (0.850..0.940)"]
    assert cells(false_tag_table(FIGURES.false_tags))[2] == [
        "speech", "20 species, 1 clip each", "0.50", "9", "0.25", "0.50", "6.8",
    ]  # fmt: skip
    assert cells(seeds_table(FIGURES.seeds))[2:] == [["ours", "81.0 ± 1.0", "3"], ["random", "30.0", "1"]]
    assert markdown(["a", "b"], [["x|y", "1"]]).splitlines()[-1] == "| x\\|y | 1 |"


def test_terminal_lines_tell_everything() -> None:
    lines = terminal_lines(FIGURES)
    assert len(lines) == 9
    assert "ours, nearest: 20-way 1-shot, another recordist: 81.0 (76.5..85.2) %" in lines


def test_no_seed_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no seed"):
        OverSeeds.of("none", [])


def test_an_interval_lies_around_its_figure() -> None:
    replicates = np.random.default_rng(0).normal(0.3, 0.05, 5_000)
    interval = Interval.around(0.5, replicates)
    assert interval.low == pytest.approx(0.4, abs=0.01)
    assert interval.high == pytest.approx(0.6, abs=0.01)
    assert Interval.around(0.99, replicates, (0.0, 1.0)).high == 1.0
    assert np.isnan(Interval.around(0.5, np.array([np.nan])).low)


def test_the_suite_measures_what_the_clips_allow() -> None:
    recordings = made_recordings(8, 4)
    labels = np.unique([one.label for one in recordings], return_inverse=True)[1]
    rows = np.eye(16)[labels] + 0.01 * np.random.default_rng(0).standard_normal((32, 16))
    told: list[str] = []
    protocols = (Protocol(5, 1), Protocol(20, 1), Protocol(5, 1, apart=Apart.RECORDING))
    suite = FewShotSuite(recordings, protocols, told.append, episodes=50, replicates=5)
    assert len(told) == 1
    assert "20-way" in told[0]
    figures = [one.figure for one in suite.measure("ours", rows, [Method.NEAREST, Method.PROTONET])]
    assert [one.accuracy.value for one in figures] == [1.0] * 4
    assert [one.apart for one in figures] == ["recordist", "recording"] * 2

    cohort = CohortRows(np.eye(16, dtype=np.float16)[8:], ("",) * 8).cohort(4)
    told.clear()
    calibration = Calibration(1.0, -5.0, 0.5)
    enrolled = ((1, 1), (5, 3), (20, 1))
    open_set = open_set_figures(recordings, rows, cohort, calibration, "ours", enrolled, told.append)
    assert [(one.enrolled, one.shots) for one in open_set] == [(1, 1), (5, 3)]
    assert all(one.auroc.value == 1.0 for one in open_set)
    heard = Heard("noise", np.eye(16, dtype=np.float32)[15:], (), 0.5)
    heard = replace(heard, embedding=heard.embedding[:0])
    (quiet,) = false_tag_figures([heard], recordings, rows, cohort, calibration, ((5, 1),), told.append)
    assert (quiet.count, quiet.hours, quiet.per_hour) == (0.0, 0.5, 0.0)
    assert len(told) == 1
