"""A table of the few-shot paper, from folders of recordings to the report, on sounds made by arithmetic."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("lightning")

from monitor.errors import UsageError
from tests.helpers.tiny_bundle import make_gate_bundle
from training.config import load_recipe
from training.data.splits import Part
from training.dispatch import system_of
from training.fewshot.ablation import RESULTS_FILE, evaluate_paper, export_paper, run_paper
from training.fewshot.figures import Interval
from training.fewshot.paper_results import PaperResults, RowScore, Score, markdown
from training.fewshot.paper_source import load_source
from training.fewshot.synthetic_species import sing, synthetic_species

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000
SPECIES = 9

RECIPE = """
system = "fewshot-paper"
title = "A test"
report = "{folder}/report.md"
cache = "{folder}/cache"
gate = "{gate}"
seeds = [0]
workers = 1
threads = 1

[recordings]
layout = "birdclef"
folder = "{data}"
species = [3, 3, 3]
longest_s = 9.0
least_recordings = 3

[windows]
frames = 50
proximity = 20
pool = 4

[optimiser]
batch = 4
steps = 2

[scoring]
ways = 3
count = 20
replicates = 10
apart = "recording"
"""
METHODS = ("supcon", "simclr", "barlow_twins", "frossl")
ROW = '\n[[rows]]\ntable = "All"\nname = "{name}"\nmethod = "{method}"\n{rest}\n'
CLOSE = ROW.format(name="SupCon, close windows", method="supcon", rest='train = "proximity"\ntest = "chunks"')
CHUNKS = ROW.format(name="supcon, chunks", method="supcon", rest='test = "chunks"')
UNTRAINED = ROW.format(name="untrained", method="random", rest="")
ROWS = CLOSE + "".join(ROW.format(name=name, method=name, rest="") for name in METHODS) + CHUNKS + UNTRAINED


def make_birdclef(root: Path) -> None:
    """Folders of species, one recording too long, one species too small."""
    for species in range(SPECIES):
        for take in range(3):
            seconds = 3 if take else 1
            sound = sing(synthetic_species(species), take, 0, seconds * RATE, RATE)
            write(root / f"species {species}" / f"XC{species}{take}.wav", sound)
    write(root / "species 0" / "XC999.wav", np.zeros(10 * RATE, dtype=np.float32))
    write(root / "rare" / "XC1000.wav", sing(synthetic_species(99), 0, 0, RATE, RATE))


def write(path: Path, sound: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, RATE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, gate and recipe."""
    folder = tmp_path_factory.mktemp("paper")
    make_birdclef(folder / "data")
    gate = make_gate_bundle(folder / "models")
    text = RECIPE.format(folder=folder, data=folder / "data", gate=gate)
    (folder / "recipe.toml").write_text(text + ROWS)
    return folder


def run(folder: Path) -> tuple[list[str], list[str]]:
    """Lines of the results, and of the progress."""
    said: list[str] = []
    recipe = folder / "recipe.toml"
    return run_paper(load_recipe(recipe), recipe, said.append).lines(), said


def test_the_table_is_made_and_a_second_run_makes_nothing_anew(folder: Path) -> None:
    lines, said = run(folder)
    assert len(lines) == 7
    assert "1 recordings are longer than 9 s and left out" in said
    assert "1 species have fewer than 3 recordings and are left out" in said
    # Two of the seven rows share a training.
    runs = [line for line in said if " of 6: " in line]
    assert len(runs) == 6
    assert sum("2 steps" in line for line in runs) == 5
    again, said_again = run(folder)
    assert again == lines
    assert not any("steps" in line or "rendered" in line for line in said_again)
    report = (folder / "report.md").read_text()
    assert report.count("\n| ") == 1 + 7
    assert "9 of 3 species (train), 9 of 3 species (validation), 9 of 3 species (test)" in report
    results = json.loads((folder / "cache" / RESULTS_FILE).read_text())
    assert [row["name"] for row in results["rows"]][-1] == "untrained"
    for row in results["rows"]:
        for part in ("validation", "test"):
            assert 0.0 <= row["scores"][part]["paper"]["value"] <= 1.0
            assert (part in row["against"]) == (row["name"] != "SupCon, close windows")


def test_the_report_tells_seeds_and_differences(folder: Path) -> None:
    near, far = Interval(0.5, 0.4, 0.6), Interval(0.25, 0.2, 0.3)
    scores = {part: Score(near, 0.031, far) for part in (Part.VALIDATION, Part.TEST)}
    against = dict.fromkeys(scores, Interval(-0.02, -0.05, 0.01))
    rows = (RowScore("T", "first", scores, {}), RowScore("T", "second", scores, against))
    counts = dict.fromkeys(Part, 4)
    text = markdown(load_recipe(folder / "recipe.toml"), "configs/x.toml", PaperResults(rows, counts, counts))
    first, second = (line for line in text.splitlines() if line.startswith(("| first", "| second")))
    assert "| 50.0 (40.0..60.0), ±3.1 |  | 25.0 (20.0..30.0) |" in first
    assert "| -2.0 (-5.0..1.0) |" in second
    assert "auricle-train run configs/x.toml" in text


def test_a_run_that_is_missing_is_made_again_and_is_the_same(folder: Path) -> None:
    lines, _ = run(folder)
    finished = sorted((folder / "cache/runs").glob("*.npz"))
    with np.load(finished[0]) as kept:
        before = {name: kept[name] for name in kept.files}
    finished[0].unlink()
    again, said = run(folder)
    assert sum(" of 1: " in line for line in said) == 1
    assert again == lines
    with np.load(finished[0]) as kept:
        assert set(kept.files) == set(before)
        for name, rows in before.items():
            np.testing.assert_allclose(kept[name], rows, rtol=1e-3, atol=1e-4)


def test_evaluation_asks_about_validation_species_only(folder: Path) -> None:
    run(folder)
    (folder / "report.md").unlink()
    recipe = folder / "recipe.toml"
    results = evaluate_paper(load_recipe(recipe), recipe, lambda _: None)
    assert all(set(row.scores) == {Part.VALIDATION} for row in results.rows)
    assert not (folder / "report.md").exists()


def test_a_table_exports_no_bundle(folder: Path) -> None:
    recipe = folder / "recipe.toml"
    assert system_of("fewshot-paper").export is export_paper
    with pytest.raises(UsageError, match="no bundle"):
        export_paper(load_recipe(recipe), recipe, lambda _: None)


def changed(folder: Path, tmp_path: Path, old: str, new: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text((folder / "recipe.toml").read_text().replace(old, new))
    return path


def test_missing_recordings_are_told_with_where_to_get_them(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(changed(folder, tmp_path, str(folder / "data"), str(tmp_path / "none")))
    with pytest.raises(UsageError, match="no such folder") as caught:
        load_source(recipe, lambda _: None)
    assert "imageclef" in str(caught.value)


def test_rules_that_leave_nothing_are_told(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(changed(folder, tmp_path, "least_recordings = 3", "least_recordings = 30"))
    with pytest.raises(UsageError, match="none are left for train"):
        load_source(recipe, lambda _: None)


def test_calls_are_put_into_longer_sound_of_the_catalog_only(folder: Path, tmp_path: Path) -> None:
    section = "[insertion]\nfolds = { train = [1], validation = [2], test = [3] }\n\n[windows]"
    recipe = load_recipe(changed(folder, tmp_path, "[windows]", section))
    with pytest.raises(UsageError, match="bird-free"):
        load_source(recipe, lambda _: None)
