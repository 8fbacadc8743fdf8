"""Which bundles the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.engine.models import load_models
from monitor.errors import BundleError, StartError
from monitor.features.spec import BIRD
from monitor.settings import BirdsSettings
from tests.helpers.tiny_bundle import make_encoder_bundle, make_gate_bundle

if TYPE_CHECKING:
    from pathlib import Path


def test_the_default_encoder_may_be_absent(tmp_path: Path) -> None:
    make_gate_bundle(tmp_path)
    models = load_models(BirdsSettings(), [tmp_path])
    assert models.gate
    assert models.encoder is None


def test_the_default_encoder_is_used_where_it_is(tmp_path: Path) -> None:
    make_gate_bundle(tmp_path / "shipped")
    make_encoder_bundle(tmp_path / "shipped")
    make_encoder_bundle(tmp_path / "own", version="2.0.0")
    models = load_models(BirdsSettings(), [tmp_path / "own", tmp_path / "shipped"])
    assert models.encoder
    assert models.encoder.embedder.model_id == "bird-encoder@2.0.0"
    assert models.encoder.calibration.known == 0.5
    assert models.encoder.bundle.spec == BIRD


def test_an_encoder_that_is_named_must_be_there(tmp_path: Path) -> None:
    make_gate_bundle(tmp_path)
    with pytest.raises(BundleError, match="model birdnet: not found"):
        load_models(BirdsSettings(encoder="birdnet"), [tmp_path])
    with pytest.raises(BundleError, match="model bird-encoder: not found"):
        load_models(BirdsSettings(encoder="bird-encoder"), [tmp_path])


def test_another_encoder_and_another_threshold(tmp_path: Path) -> None:
    make_gate_bundle(tmp_path)
    make_encoder_bundle(tmp_path, name="other-encoder")
    models = load_models(BirdsSettings(encoder="other-encoder", known=0.9), [tmp_path])
    assert models.encoder
    assert models.encoder.embedder.model_id == "other-encoder@1.0.0"
    assert models.encoder.calibration.known == 0.9


@pytest.mark.parametrize("birds", [BirdsSettings(tagging=False), BirdsSettings(tagging=False, encoder="nowhere")])
def test_without_tagging_no_encoder_is_looked_for(birds: BirdsSettings, tmp_path: Path) -> None:
    make_gate_bundle(tmp_path)
    make_encoder_bundle(tmp_path)
    assert load_models(birds, [tmp_path]).encoder is None


def test_a_default_encoder_that_is_damaged_is_an_error(tmp_path: Path) -> None:
    make_gate_bundle(tmp_path)
    (make_encoder_bundle(tmp_path) / "cohort.npz").unlink()
    with pytest.raises(BundleError, match=r"cohort\.npz: is missing"):
        load_models(BirdsSettings(), [tmp_path])


def test_an_encoder_without_a_cohort_cannot_tag(tmp_path: Path) -> None:
    make_gate_bundle(tmp_path)
    make_encoder_bundle(tmp_path, cohort=False)
    with pytest.raises(BundleError, match="no cohort"):
        load_models(BirdsSettings(), [tmp_path])


def test_models_for_other_tasks_and_all_faults_at_once(tmp_path: Path) -> None:
    make_gate_bundle(tmp_path)
    make_encoder_bundle(tmp_path)
    with pytest.raises(StartError) as caught:
        load_models(BirdsSettings(gate="bird-encoder", encoder="bird-gate"), [tmp_path])
    told = [error.why for error in caught.value.errors]
    assert len(told) == 2
    assert "not a gate" in told[0]
    assert "not an encoder on features" in told[1]
