"""The engine keeps up with the folder of species, and says once what it cannot use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.engine.enrollments import Enrollments, open_enrollments
from monitor.engine.models import EncoderModel, load_models
from monitor.errors import AuricleError, StoreError
from monitor.inference.bundle import load_bundle
from monitor.settings import BirdsSettings
from tests.helpers.tagging import enroll_in_folder
from tests.helpers.tiny_bundle import make_encoder_bundle, make_gate_bundle

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> EncoderModel:
    root = tmp_path_factory.mktemp("models")
    make_gate_bundle(root)
    make_encoder_bundle(root)
    encoder = load_models(BirdsSettings(), [root]).encoder
    assert encoder
    return encoder


def names(enrollments: Enrollments) -> tuple[str, ...]:
    return enrollments.current.names if enrollments.current else ()


def test_no_folder_is_nobody_and_may_come_later(encoder: EncoderModel, tmp_path: Path) -> None:
    enrollments = Enrollments(tmp_path / "species", encoder, pytest.fail)
    assert enrollments.current is None
    store = enroll_in_folder(tmp_path / "species", encoder.bundle, {"low": 2_700.0, "high": 6_300.0})
    enrollments.poll(now=True)
    assert names(enrollments) == ("high", "low")
    kept = enrollments.current
    enrollments.poll(now=True)
    assert enrollments.current is kept, "what did not change is not made anew"
    store.remove("low")
    enrollments.poll(now=True)
    assert names(enrollments) == ("high",)
    store.remove("high")
    enrollments.poll(now=True)
    assert enrollments.current is None


def test_what_is_there_is_known_from_the_start(encoder: EncoderModel, tmp_path: Path) -> None:
    enroll_in_folder(tmp_path, encoder.bundle, {"low": 2_700.0})
    assert names(Enrollments(tmp_path, encoder, pytest.fail)) == ("low",)


def test_the_folder_is_looked_at_once_a_second(
    encoder: EncoderModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("monitor.engine.enrollments.monotonic", lambda: now)
    enrollments = Enrollments(tmp_path, encoder, pytest.fail)
    enroll_in_folder(tmp_path, encoder.bundle, {"low": 2_700.0})
    now = 100.9
    enrollments.poll()
    assert names(enrollments) == ()
    now = 101.1
    enrollments.poll()
    assert names(enrollments) == ("low",)


def test_species_of_another_encoder_are_told_once(encoder: EncoderModel, tmp_path: Path) -> None:
    told: list[AuricleError] = []
    enroll_in_folder(tmp_path, encoder.bundle, {"old": 2_700.0, "older": 3_300.0}, model_id="bird-encoder@0.9.0")
    enroll_in_folder(tmp_path, encoder.bundle, {"new": 4_100.0})
    enrollments = Enrollments(tmp_path, encoder, told.append)
    assert names(enrollments) == ("new",)
    (error,) = told
    assert "old, older" in error.what
    assert "bird-encoder@1.0.0" in error.why
    assert "auricle species update" in error.remedy
    enroll_in_folder(tmp_path, encoder.bundle, {"newer": 6_300.0})
    enrollments.poll(now=True)
    assert len(told) == 1
    enroll_in_folder(tmp_path, encoder.bundle, {"oldest": 5_000.0}, model_id="bird-encoder@0.9.0")
    enrollments.poll(now=True)
    assert len(told) == 2
    assert told[1].what == "enrolled species oldest"


def test_species_of_an_encoder_that_only_has_the_same_name_are_told(encoder: EncoderModel, tmp_path: Path) -> None:
    told: list[AuricleError] = []
    other = load_bundle(make_encoder_bundle(tmp_path / "models", dimension=24))
    assert other.manifest.id == encoder.embedder.model_id
    enroll_in_folder(tmp_path / "species", other, {"low": 2_700.0})
    assert Enrollments(tmp_path / "species", encoder, told.append).current is None
    assert [error.what for error in told] == ["enrolled species low"]


def test_a_damaged_file_is_told_once_and_the_others_are_known(encoder: EncoderModel, tmp_path: Path) -> None:
    told: list[AuricleError] = []
    enroll_in_folder(tmp_path, encoder.bundle, {"low": 2_700.0, "high": 6_300.0})
    next(tmp_path.glob("low-*.npz")).write_bytes(b"not what it was")
    enrollments = Enrollments(tmp_path, encoder, told.append)
    assert names(enrollments) == ("high",)
    enroll_in_folder(tmp_path, encoder.bundle, {"middle": 4_100.0})
    enrollments.poll(now=True)
    assert names(enrollments) == ("high", "middle")
    (error,) = told
    assert isinstance(error, StoreError)
    assert "low-" in error.what


def test_species_without_an_encoder_are_told(encoder: EncoderModel, tmp_path: Path) -> None:
    told: list[AuricleError] = []
    enroll_in_folder(tmp_path, encoder.bundle, {f"species {number}": 2_500.0 + 200 * number for number in range(7)})
    assert Enrollments(tmp_path, None, told.append).current is None
    (error,) = told
    assert "and 2 more" in error.what
    assert "without an encoder" in error.why


def test_a_folder_that_cannot_be_read_while_running_is_told_once_and_what_was_known_stays(
    encoder: EncoderModel, tmp_path: Path
) -> None:
    told: list[AuricleError] = []
    folder = tmp_path / "species"
    enroll_in_folder(folder, encoder.bundle, {"low": 2_700.0})
    enrollments = Enrollments(folder, encoder, told.append)
    folder.rename(tmp_path / "away")
    folder.write_text("a file where the folder was")
    enrollments.poll(now=True)
    enrollments.poll(now=True)
    assert names(enrollments) == ("low",)
    assert len(told) == 1
    with pytest.raises(StoreError):
        Enrollments(folder, encoder, told.append)


@pytest.mark.parametrize("birds", [BirdsSettings(tagging=False), BirdsSettings(enabled=False)])
def test_nobody_is_looked_for_where_the_settings_want_no_tags(birds: BirdsSettings, tmp_path: Path) -> None:
    assert open_enrollments(birds, tmp_path, None, pytest.fail) is None
