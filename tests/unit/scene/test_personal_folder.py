"""What personalisation keeps: applied whole or not at all, with the way back; what does not fit is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from monitor.errors import BundleError, StoreError, UsageError
from monitor.features.ams_spec import AMS_PLAIN
from monitor.inference.bundle import load_bundle
from monitor.scene.personal_folder import APPLIED, GATHERED, Gathered, PersonalFolder

pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")

from tests.helpers.personal import answer_of, mixture_bytes
from tests.helpers.tiny_sound_class import make_sound_class_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.inference.bundle import Bundle

OTHER = replace(AMS_PLAIN, modulation_high_hz=(2.0, 10.0, 60.0))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(make_sound_class_bundle(tmp_path_factory.mktemp("base")))


@pytest.fixture
def folder(tmp_path: Path) -> PersonalFolder:
    return PersonalFolder(tmp_path / "personal")


def answer(tmp_path: Path, version: str, **more: object) -> bytes:
    return answer_of(make_sound_class_bundle(tmp_path / "made", name="sound-class-personal", version=version, **more))


def changed(content: bytes, **fields: object) -> bytes:
    return msgspec.msgpack.encode(msgspec.msgpack.decode(content) | fields)


def test_applied_reverted_and_back_again(folder: PersonalFolder, base: Bundle, tmp_path: Path) -> None:
    assert folder.applied() is None
    assert folder.load(base) is None
    with pytest.raises(UsageError, match="none was ever applied"):
        folder.revert(1)
    folder.apply(answer(tmp_path, "1.0.0"), base, 1)
    first = folder.load(base)
    assert first is not None
    assert first.manifest.id == "sound-class-personal@1.0.0"
    mark = folder.mark()
    folder.apply(answer(tmp_path, "2.0.0"), base, 2)
    assert folder.mark() != mark
    assert folder.applied().before == "sound-class-personal/1.0.0"
    folder.revert(3)
    back = folder.load(base)
    assert back is not None
    assert back.manifest.version == "1.0.0"
    folder.revert(4)
    assert folder.load(base).manifest.version == "2.0.0"
    folder.apply(answer(tmp_path, "3.0.0"), base, 5)
    kept = sorted(path.name for path in (folder.path / "bundles" / "sound-class-personal").iterdir())
    assert kept == ["2.0.0", "3.0.0"], "the one in use and the one before"


def test_the_first_one_reverts_to_what_came_with_the_program(
    folder: PersonalFolder, base: Bundle, tmp_path: Path
) -> None:
    folder.apply(answer(tmp_path, "1.0.0"), base, 1)
    assert folder.revert(2).current is None
    assert folder.load(base) is None
    assert folder.revert(3).current == "sound-class-personal/1.0.0"


def damaged_model(content: bytes) -> bytes:
    files = msgspec.msgpack.decode(content)["files"]
    return changed(content, files=files | {"model.onnx": files["model.onnx"][:-1] + b"x"})


def other_golden(content: bytes) -> bytes:
    files = msgspec.msgpack.decode(content)["files"]
    return changed(content, files=files | {"golden.npz": files["golden.npz"][:-40]})


def renamed(content: bytes) -> bytes:
    return changed(content, bundle_version="7.0.0")


def outside(content: bytes) -> bytes:
    return changed(content, name="../../..", bundle_version="x")


def more_files(content: bytes) -> bytes:
    files = msgspec.msgpack.decode(content)["files"]
    return changed(content, files=files | {"../../auricle.toml": b"x"})


def other_labels(content: bytes) -> bytes:
    files = msgspec.msgpack.decode(content)["files"]
    manifest = json.loads(files["manifest.json"])
    manifest["labels"] = ["music", "noise", "speech", "speech+noise"]
    return changed(content, files=files | {"manifest.json": json.dumps(manifest).encode()})


@pytest.mark.parametrize(
    ("spoil", "error", "named"),
    [
        (damaged_model, BundleError, "SHA-256"),
        (other_golden, BundleError, "golden"),
        (other_labels, BundleError, "tells other classes"),
        (renamed, (UsageError, BundleError), "7.0.0"),
        (outside, UsageError, "name or version"),
        (more_files, UsageError, "it must hold"),
        (lambda content: changed(content, version=2), UsageError, "version 2"),
        (lambda content: content[:-9], UsageError, "truncated"),
        (lambda content: mixture_bytes(), UsageError, "the answer"),
    ],
)
def test_what_is_damaged_or_does_not_fit_changes_nothing(
    folder: PersonalFolder, base: Bundle, tmp_path: Path, spoil, error, named: str
) -> None:
    folder.apply(answer(tmp_path, "1.0.0"), base, 1)
    before = (folder.path / APPLIED).read_bytes()
    with pytest.raises(error, match=named):
        folder.apply(spoil(answer(tmp_path, "2.0.0")), base, 2)
    assert (folder.path / APPLIED).read_bytes() == before
    assert folder.load(base).manifest.version == "1.0.0"
    assert [path.name for path in (folder.path / "bundles").iterdir()] == ["sound-class-personal"], "nothing is left"
    assert not (tmp_path / "auricle.toml").exists()


def test_a_classifier_of_another_bank_is_refused(folder: PersonalFolder, base: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="other ones than sound-class@"):
        folder.apply(answer(tmp_path, "1.0.0", spec=OTHER), base, 1)
    assert folder.applied() is None


def test_only_one_gathers(folder: PersonalFolder) -> None:
    with folder.gathering() as first, PersonalFolder(folder.path).gathering() as second:
        assert first
        assert not second
    with folder.gathering() as again:
        assert again


def test_what_was_gathered_is_kept_and_forgotten(folder: PersonalFolder) -> None:
    assert folder.gathered() is None
    state = Gathered(mixture_bytes(), 5, 9)
    folder.gather(state)
    assert folder.gathered() == state
    (folder.path / GATHERED).write_bytes(b"\x00\x01")
    with pytest.raises(StoreError, match="cannot be read"):
        folder.gathered()
    folder.forget()
    assert folder.gathered() is None


def test_an_answer_waits_until_it_is_applied(folder: PersonalFolder, tmp_path: Path) -> None:
    assert folder.received() is None
    content = answer(tmp_path, "1.0.0")
    folder.receive(content)
    assert folder.received() == content
    with pytest.raises(UsageError, match="the answer"):
        folder.receive(mixture_bytes())
    assert folder.received() == content
