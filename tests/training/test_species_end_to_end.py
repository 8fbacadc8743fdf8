"""A whole run, from folders to a bundle that the monitor loads, on a few sounds made by arithmetic."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("onnx")

from monitor.core.species_readings import SoundKind
from monitor.errors import BundleError, UsageError
from monitor.inference.bundle import load_bundle, verify_bundle
from monitor.species.classifier import Classifier
from training.config import load_recipe
from training.dispatch import system_of

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000

SETTINGS = """
cache = "{folder}/cache"
threads = 1

[recordings]
layout = "folders"
folder = "{folder}/data"
validation_share = 0.25
test_share = 0.25

[recordings.names]
owl = "Strix aluco_Tawny Owl"

[sound]
padding = "background"
behind_share = 0.3
low_pass_share = 0.3
level_dbfs = [-40.0, -20.0]
stretch_share = 0.2
pitch_share = 0.2

[average]
decay = 0.5
start = 3

[optimiser]
steps = 6
batch = 4
learning_rate = 3e-3
evaluate_every = 3
evaluate_from = 3
"""

RECIPE = (
    """
system = "species"
joined_s = 20
pictures = "{folder}/pictures"
report = "{folder}/pages/species.md"
report_notes = "That is all."
binomials = "bird"
"""
    + SETTINGS
    + """
[bundle]
name = "tiny-species"
version = "0.1.0"
summary = "A test."
folder = "{folder}/models"
"""
)

TABLE = (
    """
system = "species-paper"
title = "Tables"
report = "{folder}/report.md"
"""
    + SETTINGS
    + """
[embedded]
partner = "wide-resnet28-2"
steps = 2

[[rows]]
table = "Table 2"
name = "MobileNetV1-8k"
rate = 8000
paper = "91.4 / 88.0"
optimiser = {{ steps = 2, evaluate_every = 2 }}

[[rows]]
table = "Table 3"
name = "no balance, hierarchical"
picture = {{ mixup = 0.0, masks = "none" }}
network = {{ hierarchical = true }}
optimiser = {{ balanced = false, steps = 2 }}

[[rows]]
table = "Section 5"
name = "embeddings and SVM"
embedded = {{ kind = "svm" }}

[[rows]]
table = "Section 5"
name = "fusion"
optimiser = {{ steps = 2 }}
embedded = {{ kind = "fusion", frozen = false, steps = 2 }}
"""
)


def make_recordings(folder: Path) -> None:
    """Low and high tones of different lengths, and hiss."""
    generator = np.random.default_rng(0)
    for label, hertz in (("owl", 400.0), ("tit", 5_000.0), ("background", 0.0)):
        (folder / "data" / label).mkdir(parents=True)
        for i in range(4):
            count = int(RATE * (6.0 if label == "background" else (0.8, 2.0, 5.0, 1.2)[i]))
            tone = 0.2 * np.sin(2 * np.pi * (hertz + 20 * i) * np.arange(count) / RATE)
            sound = tone + 0.01 * generator.standard_normal(count)
            soundfile.write(folder / "data" / label / f"{i}.wav", sound.astype(np.float32), RATE)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], list[str]]:
    """Folder, progress and lines of the first run."""
    folder = tmp_path_factory.mktemp("species")
    make_recordings(folder)
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(folder=folder))
    said: list[str] = []
    lines = system_of("species").run(load_recipe(recipe), recipe, said.append).lines()
    return folder, said, lines


def test_the_monitor_loads_the_bundle(run: tuple[Path, list[str], list[str]]) -> None:
    folder, _, lines = run
    bundle_folder = folder / "models/tiny-species/0.1.0"
    assert verify_bundle(bundle_folder) == []
    bundle = load_bundle(bundle_folder)
    classifier = Classifier(bundle)
    assert [label.common for label in classifier.labels] == ["Tawny Owl", "tit", "background"]
    assert classifier.labels[0].kind is SoundKind.BIRD
    assert bundle.manifest.reject == "background"
    assert {"confidence", "tit", "Strix aluco_Tawny Owl"} == set(bundle.manifest.thresholds)
    found = classifier.probabilities(np.full((150, 64), -60.0, dtype=np.float32))
    assert found.shape == (3,)
    assert (bundle_folder / "model.onnx").stat().st_size < 8_000_000
    assert (bundle_folder / "golden.npz").stat().st_size <= 200_000
    card = (bundle_folder / "CARD.md").read_text()
    assert card.startswith("---\nlicense: cc-by-nc-sa-4.0\n")
    assert "{" not in card.split("---")[2]
    assert any(line.startswith("joined") for line in lines)
    assert any(line.startswith("test") for line in lines)
    for name in ("confusion", "map"):
        picture = (folder / f"pictures/tiny-species-{name}.svg").read_text()
        assert picture.lstrip().startswith("<?xml")
    assert (folder / "cache/joined/joined.csv").read_text().count("\n") > 2
    page = (folder / "pages/species.md").read_text()
    assert page.startswith("# tiny-species 0.1.0")
    assert page.endswith("That is all.\n")
    for name in re.findall(r"\]\((.*?)\)", page):
        assert (folder / "pages" / name).is_file(), name
    assert "| Strix aluco / Tawny Owl | 2 | 1 |" in page
    assert "false hits an hour" in page


def test_a_second_run_takes_the_network_from_the_cache(run: tuple[Path, list[str], list[str]]) -> None:
    folder, first, lines = run
    recipe = folder / "recipe.toml"
    manifest = (folder / "models/tiny-species/0.1.0/manifest.json").read_bytes()
    said: list[str] = []
    assert system_of("species").run(load_recipe(recipe), recipe, said.append).lines() == lines
    assert sum("steps of" in line for line in first) == 1
    assert not any("steps of" in line or "looking at" in line for line in said)
    assert (folder / "models/tiny-species/0.1.0/manifest.json").read_bytes() == manifest


def test_a_model_that_is_too_large_is_not_written(run: tuple[Path, list[str], list[str]], tmp_path: Path) -> None:
    folder, _, _ = run
    recipe = tmp_path / "recipe.toml"
    text = RECIPE.format(folder=folder).replace(f"{folder}/models", f"{tmp_path}/models")
    recipe.write_text(text.replace("joined_s", "most_bytes = 1000\njoined_s"))
    settings = load_recipe(recipe)
    with pytest.raises(UsageError, match="another recipe"):
        system_of("species").export(settings, recipe, lambda _: None)
    with pytest.raises(BundleError, match="MB, at most"):
        system_of("species").run(settings, recipe, lambda _: None)
    assert not (tmp_path / "models").exists()


def test_a_table_is_written(run: tuple[Path, list[str], list[str]]) -> None:
    folder, _, _ = run
    recipe = folder / "table.toml"
    recipe.write_text(TABLE.format(folder=folder))
    system = system_of("species-paper")
    said: list[str] = []
    lines = system.run(load_recipe(recipe), recipe, said.append).lines()
    assert len(lines) == 4
    # The network under the SVM is that of the other recipe.
    assert sum("steps of" in line for line in said) == 5
    report = (folder / "report.md").read_text()
    assert report.startswith("# Tables\n")
    rows = [line for line in report.splitlines() if line.startswith("| MobileNetV1-8k |")]
    assert len(rows) == 1
    assert rows[0].endswith("| 91.4 / 88.0 |")
    with pytest.raises(UsageError, match="no bundle"):
        system.export(load_recipe(recipe), recipe, said.append)
