"""A whole run, from files to a bundle, on a few sounds made by arithmetic."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("lightning")

from typing import TYPE_CHECKING

from monitor.errors import UsageError
from monitor.inference.bundle import load_bundle, verify_bundle
from training.config import load_recipe
from training.gate import export_gate, run_gate

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000

RECIPE = """
system = "gate"
data = "{data}"
cache = "{cache}"
validation_share = 0.4
workers = 1
threads = 1
training_windows = 160
validation_windows = 60

[bundle]
name = "tiny-gate"
version = "0.1.0"
summary = "A test."
folder = "{models}"

[network]
channels = [4, 4, 8, 8, 8]

[optimiser]
epochs = 2
batch = 16
"""


def _bird(generator: np.random.Generator, seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    sound = 0.002 * generator.standard_normal(len(time))
    for start in np.arange(0.2, seconds - 0.4, 0.5):
        inside = (time >= start) & (time < start + 0.15)
        local = time[inside] - start
        rise = generator.uniform(-8000, 8000)
        sound[inside] += 0.3 * np.sin(2 * np.pi * (generator.uniform(3000, 5000) * local + rise * local**2))
    return sound


def _noise(generator: np.random.Generator, seconds: float) -> np.ndarray:
    return 0.1 * generator.standard_normal(int(seconds * RATE))


def _write(root: Path, name: str, sound: np.ndarray) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(root / name, sound.astype(np.float32), RATE)


def _table(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def make_recordings(root: Path) -> None:
    generator = np.random.default_rng(0)
    birds: list[dict[str, object]] = []
    for i in range(8):
        name = f"audio/{i}.wav"
        _write(root, f"birds/{name}", _bird(generator, 3.0))
        birds.append(_bird_row(name, "species", f"person {i}"))
    boxes: list[dict[str, object]] = []
    for i in range(2):
        name = f"audio/field{i}.wav"
        sound = _noise(generator, 6.0) * 0.01
        sound[: 2 * RATE] += _bird(generator, 2.0)
        _write(root, f"birds/{name}", sound)
        birds.append(_bird_row(name, "annotated-continuous", ""))
        times = {"start_s": 0.2, "end_s": 1.9, "low_hz": 3000, "high_hz": 5000}
        boxes.append({"file": name, **times, "species": "x", "original": "y"})
    _table(root / "birds/manifest.csv", birds)
    _table(root / "birds/annotations.csv", boxes)
    clips: list[dict[str, object]] = []
    for fold in (1, 2, 3, 4):
        for label in ("crow", "wind", "dog"):
            for take in range(2):
                name = f"audio/{fold}-{label}-{take}.wav"
                make = _bird if label == "crow" else _noise
                _write(root, f"esc50/{name}", make(generator, 2.0))
                source = f"{fold}{label}{take}"
                clips.append(
                    {"file": name, "label": label, "fold": fold, "freesound_id": source, "take": "A", "licence": "CC0"}
                )
    _table(root / "esc50/manifest.csv", clips)
    machines: list[dict[str, object]] = []
    for section in range(2):
        name = f"fan/{section}.wav"
        _write(root, f"machines/{name}", _noise(generator, 2.0))
        machines.append({"file": name, "machine": "fan", "section": section, "domain": "source"})
    _table(root / "machines/manifest.csv", machines)
    others: list[dict[str, object]] = []
    for kind, label in (("scene", "street_traffic"), ("scene", "office_library"), ("speech", ""), ("music", "")):
        for i in range(2):
            name = f"{kind}/{label}{i}-0.wav"
            _write(root, name, _noise(generator, 2.0))
            others.append({"file": name, "kind": kind, "label": label, "origin": f"{kind}{label}{i}", "seconds": 2})
    _table(root / "scenes_speech_music.csv", others)


def _bird_row(name: str, group: str, recordist: str) -> dict[str, object]:
    known = {"file": name, "label": "x", "group": group, "licence": "CC0", "attribution": "", "origin": "test"}
    return known | {"original_path": name, "taxon": "x", "recordist": recordist, "kind": "bird", "birdnet": ""}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """Recipe, folder of models, progress of the first run."""
    folder = tmp_path_factory.mktemp("gate")
    make_recordings(folder / "data")
    recipe = folder / "recipe.toml"
    models = folder / "models"
    recipe.write_text(RECIPE.format(data=folder / "data", cache=folder / "cache", models=models))
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AURICLE_DATA", raising=False)
        run_gate(load_recipe(recipe), recipe, said.append)
    return recipe, models, said


def test_the_bundle_loads_and_passes_its_self_test(run: tuple[Path, Path, list[str]]) -> None:
    _, models, _ = run
    folder = models / "tiny-gate" / "0.1.0"
    assert verify_bundle(folder) == []
    bundle = load_bundle(folder)
    for batch in (1, 3):
        windows = np.full((batch, 50, 128), -60.0, dtype=np.float32)
        probability = bundle.session.run({"features": windows})["probability"]
        assert probability.shape == (batch,)
        assert ((probability >= 0) & (probability <= 1)).all()
    assert (folder / "golden.npz").stat().st_size <= 200_000
    assert (folder / "CARD.md").read_text().startswith("---\nlicense: cc-by-nc-sa-4.0\n")
    assert (models / "index.json").is_file()


def test_torch_and_onnxruntime_agree(run: tuple[Path, Path, list[str]]) -> None:
    from training.export import check_parity
    from training.gate import FINAL, train
    from training.nets.tiny import WithProbability
    from training.prepare import prepare

    recipe, models, _ = run
    settings = load_recipe(recipe)
    material = prepare(settings, lambda _: None)
    network = train(settings, material, (FINAL,), lambda _: None)[FINAL]
    windows = np.random.default_rng(0).uniform(-90, 0, (7, 50, 128)).astype(np.float32)
    assert check_parity(WithProbability(network), models / "tiny-gate/0.1.0/model.onnx", windows) <= 1e-4


def test_a_second_run_takes_everything_from_the_cache(run: tuple[Path, Path, list[str]]) -> None:
    recipe, models, first = run
    manifest = (models / "tiny-gate/0.1.0/manifest.json").read_bytes()
    said: list[str] = []
    run_gate(load_recipe(recipe), recipe, said.append)
    assert any("step" in line for line in first)
    assert not any("step" in line or "decoded" in line for line in said)
    assert (models / "tiny-gate/0.1.0/manifest.json").read_bytes() == manifest


def test_export_needs_measured_results(tmp_path: Path, run: tuple[Path, Path, list[str]]) -> None:
    recipe, _, _ = run
    other = load_recipe(recipe).model_copy(update={"cache": str(tmp_path)})
    with pytest.raises(UsageError, match="nothing was measured"):
        export_gate(other, recipe, lambda _: None)
