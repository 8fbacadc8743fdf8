"""A whole run, from files to a bundle, on a few sounds made by arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("onnx")

from monitor.errors import BundleError, UsageError
from monitor.inference.bundle import load_bundle, verify_bundle
from training.config import load_recipe
from training.dispatch import system_of

if TYPE_CHECKING:
    from pathlib import Path

RATE = 32_000

SETTINGS = """
cache = "{folder}/cache"
threads = 1

[recordings]
layout = "folders"
folder = "{folder}/data"
devices = "{folder}/microphones"
folds = 2
unseen_devices = 0.5

[network]
submission = 3
channels = [4, 4, 8]
attention = [4, 4, 1]
level = "relative"

[optimiser]
epochs = 1
windows = 32
batch = 8
warm_up = 0.2
length = 0.8
average = 0.5

[teacher]
channels = [4, 8, 8]
copies = 2

[teacher.optimiser]
epochs = 1
windows = 16
batch = 8
warm_up = 0.2
length = 0.8

[distillation]
heard = "{heard}"

[quantisation]
windows = 8

[decision]
seconds = 2.2
"""

RECIPE = (
    """
system = "scene"
picture_file = "{folder}/confusion.svg"
"""
    + SETTINGS.replace("{heard}", "mixed")
    + """
[bundle]
name = "tiny-scene"
version = "0.1.0"
summary = "A test."
folder = "{folder}/models"

[limits]
lost = {lost}
"""
)

TABLE = (
    """
system = "scene-paper"
title = "Tables"
report = "{folder}/report.md"
"""
    + SETTINGS.replace("{heard}", "clean")
    + """
[[rows]]
table = "Teaching"
name = "plain"
paper = "1.0"
distillation = {{ loss = "plain", heard = "clean" }}
"""
)


def make_recordings(folder: Path) -> None:
    generator = np.random.default_rng(0)
    time = np.arange(3 * RATE) / RATE
    for label, hertz in (("street", 200.0), ("forest", 4_000.0), ("unknown", 9_000.0)):
        (folder / "data" / label).mkdir(parents=True)
        for i in range(2):
            sound = 0.1 * np.sin(2 * np.pi * (hertz + 50 * i) * time) + 0.01 * generator.standard_normal(len(time))
            soundfile.write(folder / "data" / label / f"{i}.wav", sound, RATE)
    (folder / "microphones").mkdir()
    for i, maker in enumerate(("Altec", "Sony")):
        response = np.exp(-np.arange(500) / (20.0 + 20.0 * i)) * generator.standard_normal(500) * 0.3
        soundfile.write(folder / "microphones" / f"{maker}.wav", response, RATE)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], list[str]]:
    """Folder, progress and lines of the first run."""
    folder = tmp_path_factory.mktemp("scene")
    make_recordings(folder)
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(folder=folder, lost=1.0))
    said: list[str] = []
    lines = system_of("scene").run(load_recipe(recipe), recipe, said.append).lines()
    return folder, said, lines


def test_the_bundle_loads_and_passes_its_self_test(run: tuple[Path, list[str], list[str]]) -> None:
    folder, _, lines = run
    bundle_folder = folder / "models/tiny-scene/0.1.0"
    assert verify_bundle(bundle_folder) == []
    bundle = load_bundle(bundle_folder)
    assert bundle.manifest.labels == ("forest", "street")
    assert 0.0 <= bundle.manifest.thresholds["known"].value <= 1.0
    probabilities = bundle.session.run({"features": np.zeros((3, 64, 256), dtype=np.float32)})["probabilities"]
    assert probabilities.shape == (3, 2)
    assert (bundle_folder / "golden.npz").stat().st_size <= 200_000
    card = (bundle_folder / "CARD.md").read_text()
    assert card.startswith("---\nlicense: cc-by-nc-sa-4.0\n")
    assert "{" not in card.split("---")[2]
    assert (folder / "confusion.svg").read_text().lstrip().startswith("<?xml")
    assert any("bandwidth alone" in line for line in lines)
    assert any("microphones that did not" in line for line in lines)


def test_a_second_run_takes_everything_from_the_cache(run: tuple[Path, list[str], list[str]]) -> None:
    folder, first, lines = run
    recipe = folder / "recipe.toml"
    manifest = (folder / "models/tiny-scene/0.1.0/manifest.json").read_bytes()
    said: list[str] = []
    assert system_of("scene").run(load_recipe(recipe), recipe, said.append).lines() == lines
    assert sum("steps of" in line for line in first) == 9  # two teachers and a student, of two folds and the final one
    assert not any("steps of" in line or "torch within" in line for line in said)
    assert (folder / "models/tiny-scene/0.1.0/manifest.json").read_bytes() == manifest


def test_a_model_that_breaks_a_limit_is_not_exported(run: tuple[Path, list[str], list[str]], tmp_path: Path) -> None:
    folder, _, _ = run
    recipe = tmp_path / "recipe.toml"
    text = RECIPE.format(folder=folder, lost=1.0).replace(f"{folder}/models", f"{tmp_path}/models")
    recipe.write_text(text.replace("[limits]", "[limits]\nmacs = 1000\ninitialiser_bytes = 10"))
    settings = load_recipe(recipe)
    with pytest.raises(UsageError, match="another recipe"):
        system_of("scene").export(settings, recipe, lambda _: None)
    with pytest.raises(BundleError, match="MACs"):
        system_of("scene").run(settings, recipe, lambda _: None)
    assert not (tmp_path / "models").exists()


def test_a_table_is_written(run: tuple[Path, list[str], list[str]]) -> None:
    folder, _, _ = run
    recipe = folder / "table.toml"
    recipe.write_text(TABLE.format(folder=folder))
    system = system_of("scene-paper")
    said: list[str] = []
    system.run(load_recipe(recipe), recipe, said.append)
    # The teachers are those of the other recipe.
    assert sum("student" in line and "steps of" in line for line in said) == 2
    assert not any("teacher" in line and "steps of" in line for line in said)
    report = (folder / "report.md").read_text()
    assert report.startswith("# Tables\n")
    row = next(line for line in report.splitlines() if line.startswith("| plain |"))
    assert row.count("|") == 11
    with pytest.raises(UsageError, match="no bundle"):
        system.export(load_recipe(recipe), recipe, said.append)
