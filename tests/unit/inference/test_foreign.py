"""Any ONNX or TFLite file as a bundle: what fits is imported and runs, what does not is told with both shapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from monitor.birds.sound_embedder import SoundEmbedder
from monitor.errors import BundleError
from monitor.inference.bundle import load_bundle
from monitor.inference.bundle_writer import remove_bundle
from monitor.inference.foreign import Foreign, import_foreign
from monitor.inference.reports import inspect_models
from tests.helpers.tiny_bundle import band_network
from tests.helpers.tiny_sound import loud_gate, loudness_network, write_tflite

YAMNET = tuple(f"sound {number}" for number in range(521))
SPECIES = tuple(f"Genus species{number}_Bird {number}" for number in range(300))


@pytest.fixture
def perch(tmp_path: Path) -> Foreign:
    """Perch's shape: 5 s at 32 kHz, an embedding of 1280 values beside its labels."""
    file = tmp_path / "perch.onnx"
    onnx.save(loudness_network(["batch", 160_000], 100, {"label": 300, "embedding": 1_280}), file)
    return Foreign(file, "encoder", "perch", 32_000, 160_000)


@pytest.fixture
def yamnet(tmp_path: Path) -> Foreign:
    """YAMNet's shape: 0.975 s at 16 kHz without a batch, 521 classes."""
    pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")
    write_tflite(tmp_path / "yamnet.tflite", 15_600, 156, 521)
    return Foreign(tmp_path / "yamnet.tflite", "species", "yamnet", 16_000, 15_600, YAMNET)


def nothing_is_left(root: Path) -> bool:
    return not root.exists() or not [path for path in root.rglob("*") if path.is_file()]


def test_an_encoder_of_perchs_shape(perch: Foreign, tmp_path: Path) -> None:
    bundle = load_bundle(import_foreign(perch, tmp_path / "models"))
    manifest = bundle.manifest
    assert (manifest.id, manifest.task, manifest.runtime) == ("perch@1.0.0", "encoder", "onnx")
    assert manifest.embedding
    assert manifest.embedding.name == "embedding"
    embedder = SoundEmbedder(bundle)
    assert (embedder.dimension, embedder.samples, embedder.rate) == (1_280, 240_000, 32_000)
    row = embedder.embed(np.random.default_rng(0).uniform(-1, 1, (1, 240_000)).astype(np.float32))
    assert row.shape == (1, 1_280)
    assert np.linalg.norm(row) == pytest.approx(1.0, abs=1e-6)


def test_both_heads_where_labels_are_given(perch: Foreign, tmp_path: Path) -> None:
    both = replace(perch, task="species", labels=SPECIES)
    bundle = load_bundle(import_foreign(both, tmp_path / "models"))
    assert bundle.labels == SPECIES
    assert bundle.manifest.scores
    assert (bundle.manifest.scores.name, bundle.manifest.scores.role) == ("label", "logits")
    assert bundle.manifest.embedding
    windows = np.random.default_rng(0).uniform(-1, 1, (2, 160_000)).astype(np.float32)
    given = bundle.run(windows)
    assert bundle.memory
    bundle.run(windows[1:])
    assert (bundle.memory.runs, bundle.memory.hits) == (2, 1)
    assert given["label"].shape == (2, 300)


def test_a_classifier_of_yamnets_shape(yamnet: Foreign, tmp_path: Path) -> None:
    bundle = load_bundle(import_foreign(yamnet, tmp_path / "models"))
    assert bundle.manifest.runtime == "litert"
    assert bundle.labels == YAMNET
    given = bundle.run(np.zeros((3, 15_600), np.float32))
    assert given["scores"].shape == (3, 521)


def test_a_classifier_as_an_encoder_gives_what_its_last_layer_sees(yamnet: Foreign, tmp_path: Path) -> None:
    bundle = load_bundle(import_foreign(replace(yamnet, task="encoder"), tmp_path / "models"))
    assert SoundEmbedder(bundle).dimension == 156
    assert bundle.manifest.scores


def test_a_gate_on_features_of_ours(tmp_path: Path) -> None:
    onnx.save(band_network(), tmp_path / "gate.onnx")
    folder = import_foreign(Foreign(tmp_path / "gate.onnx", "gate", "my-gate", 16_000, 50), tmp_path / "models")
    bundle = load_bundle(folder)
    assert bundle.spec
    assert bundle.manifest.thresholds.keys() == {"on", "off"}


def test_gates_of_yamnets_and_perchs_shape(yamnet: Foreign, perch: Foreign, tmp_path: Path) -> None:
    birds = replace(yamnet, task="gate", name="yamnet-gate", birds=("sound 106", "sound 107"))
    quiet = load_bundle(import_foreign(birds, tmp_path / "models"))
    assert (quiet.manifest.task, quiet.manifest.window.hop) == ("gate", 7_800)
    assert quiet.extra_path("birds").read_text(encoding="utf-8") == "sound 106\nsound 107\n"
    many = replace(perch, task="gate", name="perch-gate", labels=SPECIES, binomials="bird", birds=SPECIES)
    scored = load_bundle(import_foreign(many, tmp_path / "models"))
    assert scored.manifest.scores
    assert scored.manifest.binomials == "bird"
    with pytest.raises(BundleError, match=r"299 labels were given; found are the outputs"):
        import_foreign(replace(many, name="short", labels=SPECIES[:299], birds=SPECIES[:9]), tmp_path / "models")


def test_a_gate_of_one_value_needs_no_labels(tmp_path: Path) -> None:
    onnx.save(loud_gate(15_600), tmp_path / "gate.onnx")
    folder = import_foreign(Foreign(tmp_path / "gate.onnx", "gate", "loud", 16_000, 15_600), tmp_path / "models")
    manifest = load_bundle(folder).manifest
    assert manifest.scores
    assert manifest.scores.role == "logits"
    assert manifest.thresholds.keys() == {"on", "off"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"window": 96_000},
            r"\(batch, 160000\) float32, windows of 160000 samples \(5 s at 32000 Hz\); --window says",
        ),
        ({"task": "species"}, "--labels: is missing"),
        (
            {"task": "species", "labels": SPECIES[:299]},
            r"299 labels were given; found are the outputs `label` \(batch, 300",
        ),
        ({"task": "gate"}, r"a gate gives one, \(batch\), or scores of labels"),
        ({"embedding": "nowhere"}, "there is no output `nowhere`"),
        ({"file": Path("/nowhere/at-all.onnx")}, "no such file"),
    ],
    ids=["window", "no labels", "labels", "gate", "embedding", "file"],
)
def test_what_does_not_fit_is_told_and_leaves_nothing(
    perch: Foreign, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(BundleError, match=told):
        import_foreign(replace(perch, **change), tmp_path / "models")
    assert nothing_is_left(tmp_path / "models")


def test_a_picture_is_not_sound(tmp_path: Path) -> None:
    onnx.save(loudness_network(["batch", 3, 96, 64], 4, {"scores": 5}, "picture"), tmp_path / "m.onnx")
    with pytest.raises(BundleError, match=r"`picture` \(batch, 3, 96, 64\) float32; accepted is \(samples\)"):
        import_foreign(Foreign(tmp_path / "m.onnx", "encoder", "m", 16_000, 16_000), tmp_path / "models")


def test_a_damaged_file_leaves_nothing(perch: Foreign, tmp_path: Path) -> None:
    perch.file.write_bytes(perch.file.read_bytes()[:1_000])
    with pytest.raises(BundleError):
        import_foreign(perch, tmp_path / "models")
    assert nothing_is_left(tmp_path / "models")


def test_what_is_there_is_replaced_only_when_asked(perch: Foreign, tmp_path: Path) -> None:
    root = tmp_path / "models"
    import_foreign(perch, root)
    with pytest.raises(BundleError, match="is there already"):
        import_foreign(perch, root)
    folder = import_foreign(replace(perch, licence="MIT"), root, replace_old=True)
    assert load_bundle(folder).manifest.licence == "MIT"
    with pytest.raises(BundleError, match="no such file"):
        import_foreign(replace(perch, file=tmp_path / "gone.onnx"), root, replace_old=True)
    assert load_bundle(folder).manifest.licence == "MIT"
    assert [path.name for path in root.iterdir()] == ["perch"]


def test_imported_models_are_listed_and_removed(perch: Foreign, tmp_path: Path) -> None:
    root = tmp_path / "models"
    import_foreign(perch, root)
    (report,) = inspect_models([root])
    assert (report.name, report.faults) == ("perch", ())
    remove_bundle(root, "perch")
    assert not list(root.iterdir())
    with pytest.raises(BundleError, match="not among the imported models"):
        remove_bundle(root, "perch")


def test_a_changed_label_list_is_a_fault(yamnet: Foreign, tmp_path: Path) -> None:
    folder = import_foreign(yamnet, tmp_path / "models")
    (folder / "labels.txt").write_text("\n".join(YAMNET[:-1]))
    with pytest.raises(BundleError, match=r"labels\.txt: was changed"):
        load_bundle(folder)
