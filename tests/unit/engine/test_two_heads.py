"""One network as classifier of known species and encoder of taught ones: what both want is run once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
import pytest

from monitor.audio.rates import blocks_of
from monitor.core.events import TagDetection
from monitor.core.types import ENGINE_RATE
from monitor.engine.graph import Pipeline
from monitor.engine.models import Models, load_models
from monitor.inference.foreign import Foreign, import_foreign
from monitor.settings import BirdsSettings, SpeciesSettings
from tests.helpers.tagging import enrolled_of, sounds
from tests.helpers.tiny_bundle import call, make_gate_bundle
from tests.helpers.tiny_sound import add_cohort, loudness_network

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = 3 * ENGINE_RATE

PARTS = [(7.0, None), (2.5, 4_100.0), (6.5, None), (3.0, 2_700.0), (5.0, None), (2.0, 5_500.0), (4.0, None)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    make_gate_bundle(root)
    file = root / "both.onnx"
    onnx.save(loudness_network(["batch", SAMPLES], 100, {"label": 2, "embedding": 24}), file)
    labels = ("Parus major_Great Tit", "Engine_Engine")
    add_cohort(import_foreign(Foreign(file, "species", "both", ENGINE_RATE, SAMPLES, labels), root))
    return root


def heard(models: Models) -> list[TagDetection]:
    """Tags of a stream with three calls."""
    pipeline = Pipeline(ENGINE_RATE, models, screen=False)
    assert models.encoder
    embedding = models.encoder.embedder.embed(call(4_100.0, 3.0, ENGINE_RATE)[None])[0]
    pipeline.enrolled = enrolled_of(models.encoder.bundle, {"mine": embedding})
    readings = [one for block in blocks_of(sounds(PARTS)) for one in pipeline.push(block)]
    return [one for one in [*readings, *pipeline.flush()] if isinstance(one, TagDetection)]


def runs(models: Models) -> int:
    """Windows that the network heard."""
    assert models.encoder
    assert models.encoder.bundle.memory
    return models.encoder.bundle.memory.runs


def test_a_final_tag_costs_nothing_where_the_classifier_listens(root: Path) -> None:
    both = load_models(BirdsSettings(encoder="both"), [root], species=SpeciesSettings(models=("both",)))
    assert both.shared_hop == SAMPLES
    tags = heard(both)
    assert len([tag for tag in tags if not tag.provisional]) == 3
    windows = int(sum(seconds for seconds, _ in PARTS)) // 3
    # One run for what was enrolled, one for each tag at once: it is told before the classifier's window is full.
    assert runs(both) == windows + 1 + len([tag for tag in tags if tag.provisional])


def test_without_the_classifier_its_windows_are_its_own(root: Path) -> None:
    alone = load_models(BirdsSettings(encoder="both"), [root], species=SpeciesSettings(models=()))
    assert alone.shared_hop is None
    assert len(heard(alone)) == 6


def test_windows_at_another_rate_are_not_shared(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "at-32.onnx"
    onnx.save(loudness_network(["batch", 96_000], 100, {"label": 2, "embedding": 24}), file)
    labels = ("Parus major_Great Tit", "Engine_Engine")
    add_cohort(import_foreign(Foreign(file, "species", "at-32", 32_000, 96_000, labels), tmp_path))
    models = load_models(BirdsSettings(encoder="at-32"), [tmp_path, root], species=SpeciesSettings(models=("at-32",)))
    assert models.shared_hop is None
