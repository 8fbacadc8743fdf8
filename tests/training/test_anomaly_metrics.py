from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.anomaly.metrics import (
    ScoredClips,
    harmonic_mean,
    headline_of,
    official_cells,
    paper_cells,
    partial_auc,
    summarise,
)
from training.anomaly.tables import cells_table, rows_table
from training.evaluate import roc_auc

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "anomaly.json").read_text(encoding="utf-8"))


def clips_of(
    machine: str, normals: tuple[int, int], anomalies: tuple[int, int], seed: int = 0, shift: float = 1.0
) -> ScoredClips:
    """A section of so many source and target clips whose anomalies score `shift` higher."""
    generator = np.random.default_rng(seed)
    counts = (*normals, *anomalies)
    target = np.repeat([False, True, False, True], counts)
    anomalous = np.repeat([False, False, True, True], counts)
    score = generator.normal(size=sum(counts)) + shift * anomalous
    return ScoredClips(np.full(sum(counts), machine), np.zeros(sum(counts), int), target, anomalous, score)


def joined(*parts: ScoredClips) -> ScoredClips:
    columns = zip(*((p.machine, p.section, p.target, p.anomalous, p.score) for p in parts), strict=True)
    return ScoredClips(*(np.concatenate(column) for column in columns))


def test_areas_are_the_reference_values() -> None:
    entry = GOLDEN["metric_auc_pauc"]
    labels, scores = entry["inputs"]["y"], entry["inputs"]["score"]
    assert roc_auc(labels, scores) == pytest.approx(entry["expected"]["auc"], abs=1e-12)
    assert partial_auc(labels, scores) == pytest.approx(entry["expected"]["pauc_mcclish"], abs=1e-12)


def test_partial_area_is_scikit_learns() -> None:
    generator = np.random.default_rng(1)
    for _ in range(200):
        labels = np.r_[np.zeros(generator.integers(1, 30)), np.ones(generator.integers(1, 30))]
        # Rounded, so that scores tie within and across the classes.
        scores = np.round(generator.normal(size=len(labels)) + labels, int(generator.integers(0, 3)))
        most = float(generator.choice([0.05, 0.1, 0.5]))
        assert partial_auc(labels, scores, most) == pytest.approx(
            roc_auc_score(labels, scores, max_fpr=most), abs=1e-12
        )


def test_partial_area_of_one_class_is_no_number() -> None:
    assert np.isnan(partial_auc([1, 1], [0.0, 1.0]))
    assert np.isnan(partial_auc([0, 0], [0.0, 1.0]))


def test_official_and_papers_figures_are_the_reference_values() -> None:
    entry = GOLDEN["metric_dcase2022_section"]
    inputs, expected = entry["inputs"], entry["expected"]
    count = len(inputs["y"])
    clips = ScoredClips(
        np.full(count, "x"),
        np.zeros(count, int),
        np.array(inputs["is_target"]) > 0,
        np.array(inputs["y"]) > 0,
        np.array(inputs["score"]),
    )
    official = {cell.figure: cell.value for cell in official_cells(clips)}
    assert official == pytest.approx(expected["official"], abs=1e-12)
    assert summarise(clips, rounds=0).everything == pytest.approx(expected["official_score_hmean"], abs=1e-12)
    own = {cell.figure: cell.value for cell in paper_cells(clips)}
    assert own == pytest.approx(expected["kuroyanagi"], abs=1e-12)
    for part in ("source", "target"):
        mean = harmonic_mean([own[f"auc_{part}"], own[f"pauc_{part}"]])
        assert mean == pytest.approx(expected[f"kuroyanagi_{part}_h"], abs=1e-12)
    both = harmonic_mean([own["auc_all"], own["pauc_all"]])
    assert both == pytest.approx(expected["kuroyanagi_both_h"], abs=1e-12)


def test_harmonic_mean_is_the_reference_value_and_survives_a_zero() -> None:
    entry = GOLDEN["metric_hmean"]
    assert harmonic_mean(entry["inputs"]["x"]) == pytest.approx(entry["expected"]["h"], abs=1e-12)
    assert 0.0 <= harmonic_mean([0.0, 1.0]) < 1e-12
    assert np.isnan(harmonic_mean([]))


def test_small_cells_and_lathe_are_no_headline() -> None:
    clips = joined(
        clips_of("valve", (8, 4), (5, 0)), clips_of("lathe", (20, 0), (20, 0)), clips_of("fan", (8, 8), (2, 2))
    )
    counted = {(cell.machine, cell.figure) for cell in official_cells(clips) if cell.headline}
    # Valve's target domain has four normals; all of its section has twelve.
    assert counted == {("valve", "auc_source"), ("valve", "pauc")}
    everything = {(cell.machine, cell.figure) for cell in official_cells(clips)}
    assert ("lathe", "auc_target") not in everything
    assert ("fan", "auc_target") in everything


def test_interval_holds_the_value_and_shrinks_with_more_clips() -> None:
    few = summarise(clips_of("valve", (8, 8), (6, 6)), rounds=200)
    many = summarise(clips_of("valve", (200, 200), (200, 200)), rounds=200)
    for one in (few, many):
        low, high = one.headline_interval
        assert low < one.headline < high
    widths = [one.headline_interval[1] - one.headline_interval[0] for one in (few, many)]
    assert widths[1] < 0.5 * widths[0]
    assert summarise(clips_of("valve", (8, 8), (6, 6)), rounds=200) == few


def test_headline_ignores_the_order_of_clips() -> None:
    clips = clips_of("valve", (10, 9), (7, 6))
    order = np.random.default_rng(3).permutation(len(clips.score))
    assert headline_of(official_cells(clips.where(order))) == pytest.approx(headline_of(official_cells(clips)))


def test_tables_keep_small_cells_apart() -> None:
    rows = {"a": summarise(joined(clips_of("valve", (9, 2), (5, 5)), clips_of("fan", (3, 0), (5, 0))), rounds=0)}
    assert "| fan | valve |" in rows_table(rows)[0]
    large, small = "\n".join(cells_table(rows, headline=True)), "\n".join(cells_table(rows, headline=False))
    assert "valve 00 auc source | 9, 10" in large
    assert "fan" not in large
    assert "fan 00 auc source | 3, 5" in small
    assert "valve 00 auc target | 2, 10" in small
