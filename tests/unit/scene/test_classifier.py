"""The classifier of scenes: what it makes of sound, and which bundles it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.core.scene_readings import UNKNOWN
from monitor.core.types import Span, Window
from monitor.errors import BundleError
from monitor.features.frontend import Kernel
from monitor.features.spec import SCENE
from monitor.inference.bundle import load_bundle
from monitor.inference.session import InferenceError
from monitor.scene.classifier import SceneClassifier
from tests.helpers.tiny_bundle import edit_manifest, make_gate_bundle
from tests.helpers.tiny_scene import BANDS, CABIN, FRAMES, STREET, ambience, make_scene_bundle
from tests.helpers.tiny_species import make_tone_bundle

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> SceneClassifier:
    return SceneClassifier(load_bundle(make_scene_bundle(tmp_path_factory.mktemp("models"))))


def window(label: str | None) -> Window:
    features = Kernel(SCENE)(ambience([(label, 1.2)], SCENE.rate))[:FRAMES]
    return Window(features, Span(0, 50_250), SCENE.fingerprint)


@pytest.mark.parametrize("label", list(BANDS))
def test_hears_each_scene(classifier: SceneClassifier, label: str) -> None:
    (scores,) = classifier.push(window(label))
    assert classifier.labels[int(np.argmax(scores.probabilities))] == label
    assert scores.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert scores.span == Span(0, 50_250)


def test_knows_its_window_threshold_and_reject_class(classifier: SceneClassifier) -> None:
    assert classifier.window_length == 63 * 750 + 3_000
    assert classifier.known == 0.6
    assert classifier.reject == UNKNOWN


def test_silence_gives_probabilities(classifier: SceneClassifier) -> None:
    silent = Kernel(SCENE)(np.zeros(SCENE.samples_in(FRAMES), np.float32))
    (scores,) = classifier.push(Window(silent, Span(0, 50_250), SCENE.fingerprint))
    assert np.isfinite(scores.probabilities).all()


def test_other_features_are_refused(classifier: SceneClassifier) -> None:
    with pytest.raises(ValueError, match="does not take features"):
        classifier.push(Window(window(STREET).values, Span(0, 50_250), "another"))


def test_what_is_no_probability_is_refused(classifier: SceneClassifier) -> None:
    values = np.full((FRAMES, SCENE.bands), 3e38, np.float32)
    with pytest.raises(InferenceError):
        classifier.push(Window(values, Span(0, 50_250), SCENE.fingerprint))


@pytest.mark.parametrize(
    ("make", "why"),
    [(make_gate_bundle, "a model for `gate`"), (make_tone_bundle, "a model for `species`")],
)
def test_models_for_something_else_are_refused(tmp_path: Path, make: object, why: str) -> None:
    bundle = load_bundle(make(tmp_path))  # type: ignore[operator]
    with pytest.raises(BundleError, match=why):
        SceneClassifier(bundle)


def test_logits_are_refused(tmp_path: Path) -> None:
    folder = make_scene_bundle(tmp_path)
    edit_manifest(folder, lambda content: content["outputs"][0].update(role="logits"))
    with pytest.raises(BundleError, match="gives logits"):
        SceneClassifier(load_bundle(folder))


def test_a_named_reject_class_goes_first(tmp_path: Path) -> None:
    folder = make_scene_bundle(tmp_path)
    edit_manifest(folder, lambda content: content.update(reject=CABIN))
    assert SceneClassifier(load_bundle(folder)).reject == CABIN
