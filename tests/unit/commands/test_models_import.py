"""What a user may get wrong with `auricle models import`, and what the checks say of a runtime that is missing."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import onnx
import pytest

from monitor.commands.checks import Verdict, examine_everything
from monitor.commands.models_import import Described, import_birdnet, import_file, parse_window, remove_models
from monitor.errors import AuricleError, BundleError, UsageError
from monitor.inference.foreign import Foreign, import_foreign
from tests.helpers.tiny_sound import loud_gate, write_tflite

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = Described(None, None, None, None, None, None, None)


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURICLE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("AURICLE_CONFIG", str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("name", "task", "rate", "window", "told"),
    [
        ("picture.png", "encoder", 16_000, "1", "neither `birdnet` nor"),
        ("gone.onnx", "encoder", 16_000, "1", "no such file"),
        ("here.onnx", "encoder", None, None, "--rate, --window must be given"),
        ("here.onnx", "scene", 16_000, "1", "is no task"),
        ("here.onnx", "gate", 16_000, "x", "is no length"),
        ("here.onnx", "gate", 16_000, "0", "is no length"),
        ("here.onnx", "gate", 2, "1", "is no sampling rate"),
        ("here.onnx", "encoder", 16_000, "1", r"here\.onnx: Failed to load"),
    ],
)
def test_what_is_wrong_is_told(
    tmp_path: Path, name: str, task: str, rate: int | None, window: str | None, told: str
) -> None:
    (tmp_path / "here.onnx").write_bytes(b"x")
    with pytest.raises(AuricleError, match=told) as caught:
        import_file(tmp_path / name, Described(task, rate, window, None, None, None, None), replace=False)
    assert caught.value.exit_code == 2
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_labels_that_are_no_list_are_told(tmp_path: Path) -> None:
    (tmp_path / "here.onnx").write_bytes(b"x")
    labels = tmp_path / "labels.txt"
    labels.write_text("wren\n\nrobin\nwren\n")
    described = Described("species", 16_000, "1", labels, None, None, None)
    with pytest.raises(BundleError, match="line 2 is empty") as caught:
        import_file(tmp_path / "here.onnx", described, replace=False)
    assert "`wren` stands in lines 1 and 4" in str(caught.value)


def gate_file(tmp_path: Path, labels: str) -> tuple[Path, Path]:
    """A classifier of three labels in YAMNet's window, and its list."""
    onnx.save(loud_gate(15_600, 3), tmp_path / "three.onnx")
    listed = tmp_path / "labels.txt"
    listed.write_text(labels, encoding="utf-8")
    return tmp_path / "three.onnx", listed


@pytest.mark.parametrize(
    ("labels", "binomials", "birds", "expected"),
    [
        ("Speech\nBird\nEngine\n", None, (), "Bird\n"),
        ("Speech\nTurdus merula\nHyla arborea\n", "bird", (), "Turdus merula\n"),
        ("Speech\nParus major_Great Tit\nhen\n", None, ("great tit", "hen"), "Parus major_Great Tit\nhen\n"),
    ],
    ids=["by the name of any bird", "by scientific names", "as named"],
)
def test_a_gate_made_of_a_classifier_listens_for_its_birds(
    tmp_path: Path, labels: str, binomials: str | None, birds: tuple[str, ...], expected: str
) -> None:
    file, listed = gate_file(tmp_path, labels)
    described = Described("gate", 16_000, "0.975", listed, None, None, None, binomials, birds)
    assert import_file(file, described, replace=False) == 0
    folder = tmp_path / "data" / "models" / "three" / "1.0.0"
    assert (folder / "birds.txt").read_text(encoding="utf-8") == expected


@pytest.mark.parametrize(
    ("labels", "binomials", "birds", "told"),
    [
        ("Speech\nTurdus merula\nEngine\n", None, (), "none of them is known to be a bird.*--binomials bird"),
        ("Speech\nBird\nEngine\n", None, ("Brid",), r"Brid \(did you mean Bird\?\): is none of the labels"),
        ("Speech\nBird\nEngine\n", "fish", (), "is nothing that a scientific name stands for"),
        ("", None, ("Bird",), "is of a gate with labels only"),
    ],
)
def test_a_gate_that_would_never_open_is_refused(
    tmp_path: Path, labels: str, binomials: str | None, birds: tuple[str, ...], told: str
) -> None:
    file, listed = gate_file(tmp_path, labels)
    described = Described("gate", 16_000, "0.975", listed if labels else None, None, None, None, binomials, birds)
    with pytest.raises(UsageError, match=told) as caught:
        import_file(file, described, replace=False)
    assert caught.value.exit_code == 2
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_birdnet_needs_no_description_and_a_place_that_is_there(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")
    with pytest.raises(UsageError, match="--task: BirdNET is known already"):
        described = Described("encoder", None, None, None, None, None, None)
        import_birdnet(None, described, accepted=True, replace=False)
    with pytest.raises(BundleError, match="no such file or folder"):
        import_birdnet(tmp_path / "gone", NOTHING, accepted=True, replace=False)


def test_only_imported_models_are_removed() -> None:
    with pytest.raises(BundleError, match="what came with Auricle stays"):
        remove_models(["bird-gate"])


def test_lengths_are_seconds_or_samples() -> None:
    assert parse_window("0.975", 16_000) == 15_600
    assert parse_window("5", 32_000) == 160_000
    assert parse_window("15600", 16_000) == 15_600
    assert parse_window("120s", 8_000) == 960_000


def test_doctor_says_what_a_bundle_without_its_runtime_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")
    write_tflite(tmp_path / "m.tflite", 1_600, 16, 8)
    model = Foreign(tmp_path / "m.tflite", "encoder", "small", 16_000, 1_600)
    import_foreign(model, tmp_path / "data" / "models")
    original = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("ai_edge_litert"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    (check,) = [check for check in examine_everything(None) if check.what == "model small"]
    assert check.verdict is Verdict.BAD
    assert "pip install 'auricle[litert]'" in check.remedy
