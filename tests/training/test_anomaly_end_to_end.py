from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from monitor.errors import UsageError
from monitor.inference.bundle import read_manifest, verify_bundle
from training.anomaly.paper import evaluate_anomaly_paper, export_anomaly_paper, run_anomaly_paper
from training.anomaly.run import export_anomaly, run_anomaly
from training.config import load_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from training.anomaly.recipe import AnomalyRecipe, PaperRecipe

RATE = 16_000


def write(path: Path, generator: np.random.Generator, pitch: float, clicks: bool, seconds: float = 2.5) -> None:
    """A hum with noise; a broken machine clicks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(seconds * RATE)) / RATE
    sound = 0.1 * np.sin(2 * np.pi * pitch * time) + 0.02 * generator.normal(size=len(time))
    if clicks:
        sound[:: RATE // 8] += 0.8
    soundfile.write(path, np.clip(sound, -1, 1), RATE)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two machines in both domains, and sound of no machine."""
    root = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    for number, machine in enumerate(("fan", "valve")):
        for domain, pitch in (("source", 300.0 + 400.0 * number), ("target", 400.0 + 400.0 * number)):
            for i in range(5 if domain == "source" else 3):
                name = f"section_00_{domain}_train_normal_{i:04d}_spd_{number}.flac"
                write(root / "machines" / machine / "train" / name, generator, pitch, False)
            for label in ("normal", "anomaly"):
                for i in range(2):
                    name = f"section_00_{domain}_test_{label}_{i:04d}.flac"
                    write(root / "machines" / machine / "test" / name, generator, pitch, label == "anomaly")
    rows = ["file,label,fold,freesound_id,take,licence"]
    for i in range(6):
        write(root / f"esc50/audio/1-{i}-A-0.flac", generator, 2000.0 + 100 * i, bool(i % 2))
        rows.append(f"audio/1-{i}-A-0.flac,{'rain' if i % 2 else 'dog'},1,{i},A,CC0")
    (root / "esc50/manifest.csv").write_text("\n".join(rows))
    notes = "file,note\nfan/train/x.flac,mixed at -20 dB with 1-5-A-0.flac\n"
    (root / "machines/manifest.csv").write_text(notes.replace(".flac\n", ".wav\n"))
    return root


def recipe_of(path: Path, data: Path, text: str) -> AnomalyRecipe | PaperRecipe:
    path.write_text(text.replace("DATA", data.as_posix()).replace("CACHE", (path.parent / "cache").as_posix()))
    return load_recipe(path)  # type: ignore[return-value]


SHIPPED = """
system = "anomaly"
cache = "CACHE"
report = "CACHE/machines.md"
leave_out_share = 0.5
[sources]
data = "DATA"
[batches]
positive = 4
negative = 4
altered = 0.4
[optimiser]
steps = 2
[bundle]
name = "machine-test"
version = "0.1.0"
summary = "A test."
folder = "CACHE/out"
"""

PAPER = """
system = "anomaly-paper"
title = "A test"
report = "CACHE/report.md"
cache = "CACHE"
backbone = "small"
domain_epochs = 1
baseline_epochs = [1, 1]
baseline_hop = 64
[sources]
data = "DATA"
[batches]
positive = 4
negative = 4
[optimiser]
steps = 2
[detection]
normals = "all"
kinds = ["knn"]
sizes = [1]
segments = 2
aggregators = ["mean"]
logits = [false, true]
top = 2
[[rows]]
name = "base"
mixup = false
external = false
[[rows]]
name = "lambda 1"
section = 1.0
[[rows]]
name = "r_train 60 %"
source = 0.6
"""


def test_the_encoder_is_made_measured_and_shipped(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AURICLE_DATA", raising=False)
    recipe = recipe_of(tmp_path / "recipe.toml", data, SHIPPED)
    with pytest.raises(UsageError, match="nothing was measured"):
        export_anomaly(recipe, tmp_path / "recipe.toml", print)  # type: ignore[arg-type]
    report = run_anomaly(recipe, tmp_path / "recipe.toml", lambda _: None)  # type: ignore[arg-type]
    names = {line.name for line in report.results.lines}
    assert {"simple features", "joined, machine heard", "joined, machine never heard"} <= names
    assert report.results.clips == {"fan": 8, "valve": 8}
    assert report.results.others == 5  # one take is noted as mixed into a clip
    clicks = report.results.line("crest only")
    assert clicks is not None
    assert clicks.fixed.everything > 0.95
    folder = tmp_path / "cache/out/machine-test/0.1.0"
    manifest, faults = read_manifest(folder)
    assert not faults
    assert manifest is not None
    assert manifest.task == "machine"
    assert manifest.embedding is not None
    assert (folder / "CARD.md").read_text().count("|---") >= 4
    assert len(json.loads((tmp_path / "cache/out/index.json").read_text())["models"]) == 1
    assert verify_bundle(folder) == []
    assert [(one.machine, one.anomalous_windows > 0) for one in report.results.replays] == [
        ("fan", True),
        ("valve", True),
    ]
    page = (tmp_path / "cache/machines.md").read_text()
    for part in ("| level only |", "| crest only |", "## Alarms", "| fan 00 |", "The paper's own variant"):
        assert part in page
    # A second run takes everything from the cache, networks too: nothing may differ.
    checkpoints = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("encoder-*.pt")}
    assert len(checkpoints) == 3
    again = run_anomaly(recipe, tmp_path / "recipe.toml", lambda _: None)  # type: ignore[arg-type]
    assert repr(again.results) == repr(report.results)  # no headline in so few clips: it is not a number
    assert {path: path.stat().st_mtime_ns for path in checkpoints} == checkpoints


def test_the_papers_tables_are_made(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AURICLE_DATA", raising=False)
    recipe = recipe_of(tmp_path / "recipe.toml", data, PAPER)
    results = run_anomaly_paper(recipe, tmp_path / "recipe.toml", lambda _: None)  # type: ignore[arg-type]
    names = [row.name for row in results.rows]
    assert names[:3] == ["level only", "crest only", "simple features"]
    assert names[3:5] == ["official autoencoder", "official MobileNetV2"]
    assert "lambda 1, specialisation" in names
    assert any("CHOSEN ON TEST" in name for name in names)
    assert "ensemble of 2 per machine and domain, specialisation" in names
    assert sorted(results.domains) == ["fan 00", "valve 00"]
    report = (tmp_path / "cache/report.md").read_text()
    assert "## Domain classifier" in report
    assert "The paper's own variant" in report
    again = evaluate_anomaly_paper(recipe, tmp_path / "recipe.toml", lambda _: None)  # type: ignore[arg-type]
    assert repr(again) == repr(results)
    with pytest.raises(UsageError, match="no bundle"):
        export_anomaly_paper(recipe, tmp_path / "recipe.toml", print)  # type: ignore[arg-type]
