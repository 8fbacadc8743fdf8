"""Classifiers of known species: thresholds, sensitivity, reject class, cuts, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.core.species_readings import SoundKind
from monitor.core.types import SampleWindow, Span, Window
from monitor.errors import BundleError
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD, SPECIES
from monitor.inference.bundle import load_bundle
from monitor.inference.manifest import WindowCut
from monitor.inference.session import InferenceError
from monitor.species.classifier import Classifier, ClassifierOptions
from tests.helpers.tiny_bundle import edit_manifest, make_gate_bundle
from tests.helpers.tiny_species import (
    BANDS,
    BLACKBIRD,
    ENGINE,
    TIT,
    TONES,
    VOICE,
    make_band_bundle,
    make_tone_bundle,
    tone,
)

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.species.merge import WindowHits

RATE = 48_000


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tone_bundle(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def bands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_band_bundle(tmp_path_factory.mktemp("models"))


def heard(classifier: Classifier, samples: np.ndarray) -> WindowHits:
    (hits,) = classifier.push(SampleWindow(samples.astype(np.float32), Span(0, RATE), RATE))
    return hits


def test_names_what_is_there_the_best_first(tones: Path) -> None:
    samples = 0.3 * tone(TONES[BLACKBIRD], 1) + 0.2 * tone(TONES[TIT], 1)
    hits = heard(Classifier(load_bundle(tones)), samples)
    assert [hit.label.text for hit in hits.hits] == [BLACKBIRD, TIT]
    assert hits.hits[0].label.scientific == "Turdus merula"
    assert hits.hits[0].label.common == "Common Blackbird"
    assert hits.hits[0].label.kind is SoundKind.BIRD
    assert hits.best[0] == (BLACKBIRD, hits.hits[0].probability)
    assert len(hits.best) == 5
    assert hits.voice < 0.05


@pytest.mark.parametrize("sensitivity", [0.5, 1.0, 1.25, 1.5])
def test_sensitivity_bends_the_sigmoid_as_birdnet_does(tones: Path, sensitivity: float) -> None:
    """A logit of -2: the higher the sensitivity, the flatter the sigmoid, and the more probable what is doubtful."""
    classifier = Classifier(load_bundle(tones), ClassifierOptions(sensitivity=sensitivity))
    found = classifier.probabilities((0.05 * tone(TONES[TIT], 1)).astype(np.float32))
    slope = {0.5: 1.5, 1.0: 1.0, 1.25: 0.75, 1.5: 0.5}[sensitivity]
    assert found[list(TONES).index(TIT)] == pytest.approx(1 / (1 + np.exp(2.0 * slope)), abs=1e-3)


def test_logits_are_held_within_bounds(tones: Path) -> None:
    found = Classifier(load_bundle(tones)).probabilities((4.0 * tone(TONES[TIT], 1)).astype(np.float32))
    assert found.max() == pytest.approx(1 / (1 + np.exp(-15.0)))


def test_the_users_confidence_and_a_class_s_own(tmp_path: Path) -> None:
    folder = make_tone_bundle(tmp_path, thresholds={"confidence": 0.6, TIT: 0.9})
    bundle = load_bundle(folder)
    both = 0.1 * tone(TONES[BLACKBIRD], 1) + 0.12 * tone(TONES[TIT], 1)  # probabilities of 0.50 and 0.69
    assert heard(Classifier(bundle), both).hits == ()
    told = heard(Classifier(bundle, ClassifierOptions(confidence=0.4)), both).hits
    assert [hit.label.text for hit in told] == [BLACKBIRD]
    loud = 0.1 * tone(TONES[BLACKBIRD], 1) + 0.3 * tone(TONES[TIT], 1)
    assert [hit.label.text for hit in heard(Classifier(bundle), loud).hits] == [TIT]


def test_a_quarter_where_nobody_says(tones: Path) -> None:
    classifier = Classifier(load_bundle(tones))
    assert [hit.label.text for hit in heard(classifier, 0.08 * tone(TONES[TIT], 1)).hits] == [TIT]  # 0.31
    assert heard(classifier, 0.07 * tone(TONES[TIT], 1)).hits == ()  # 0.23


def test_a_label_that_is_not_reported_is_still_measured(tones: Path) -> None:
    classifier = Classifier(load_bundle(tones), reported=np.array([label != VOICE for label in TONES]))
    hits = heard(classifier, 0.3 * tone(TONES[VOICE], 1))
    assert hits.hits == ()
    assert hits.voice > 0.99
    assert hits.best[0][0] == VOICE


def window_of(hz: float) -> Window:
    features = Kernel(SPECIES)((0.3 * tone(hz, 1.2, SPECIES.rate)).astype(np.float32))[:50]
    return Window(features, Span(0, 50_000), SPECIES.fingerprint)


def test_the_reject_class_is_told_of_but_never_heard(bands: Path) -> None:
    classifier = Classifier(load_bundle(bands), ClassifierOptions(confidence=0.0))
    (hits,) = classifier.push(window_of(5_000.0))
    assert hits.hits[0].label.text == TIT
    assert "background" in dict(hits.best)
    (nothing,) = classifier.push(window_of(1_000.0))
    assert nothing.hits == ()  # each is at or above a threshold of 0, but none above the background
    assert nothing.best[0][0] == "background"


def test_names_of_a_model_that_does_not_say_birds_are_animals(bands: Path) -> None:
    kinds = {label.text: label.kind for label in Classifier(load_bundle(bands)).labels}
    assert kinds == {
        BLACKBIRD: SoundKind.ANIMAL,
        TIT: SoundKind.ANIMAL,
        ENGINE: SoundKind.SOUND,
        "background": SoundKind.SOUND,
    }
    assert list(kinds) == list(BANDS)


def test_the_overlap_sets_the_hop(tones: Path, bands: Path) -> None:
    bundle = load_bundle(tones)
    assert Classifier(bundle).cut == WindowCut(48_000, 48_000)
    overlapping = Classifier(bundle, ClassifierOptions(overlap_s=0.75))
    assert overlapping.cut == WindowCut(48_000, 12_000)
    assert overlapping.hop_length == 12_000
    assert Classifier(load_bundle(bands), ClassifierOptions(overlap_s=0.2)).cut == WindowCut(50, 40)
    with pytest.raises(BundleError, match="cannot overlap by 1 s"):
        Classifier(bundle, ClassifierOptions(overlap_s=1.0))


def test_other_models_are_refused(tmp_path: Path, tones: Path) -> None:
    with pytest.raises(BundleError, match="model for `gate`"):
        Classifier(load_bundle(make_gate_bundle(tmp_path)))
    with pytest.raises(BundleError, match="takes audio at 22050 Hz"):
        Classifier(load_bundle(make_tone_bundle(tmp_path, name="odd", rate=22_050)))
    folder = make_band_bundle(tmp_path, name="rejects")
    edit_manifest(folder, lambda content: content.update(reject="wind"))
    with pytest.raises(BundleError, match="reject: `wind` is not among the labels"):
        load_bundle(folder)


def test_windows_of_another_kind_are_refused(tones: Path, bands: Path) -> None:
    with pytest.raises(ValueError, match="does not take features"):
        Classifier(load_bundle(tones)).push(window_of(1_000.0))
    with pytest.raises(ValueError, match="does not take features"):
        Classifier(load_bundle(bands)).push(Window(np.zeros((50, 128), np.float32), Span(0, 9), BIRD.fingerprint))
    with pytest.raises(ValueError, match="does not take audio at 16000 Hz"):
        Classifier(load_bundle(tones)).push(SampleWindow(np.zeros(48_000, np.float32), Span(0, 9), 16_000))


def test_what_is_no_probability_is_a_failure(tmp_path: Path) -> None:
    folder = make_tone_bundle(tmp_path)
    edit_manifest(folder, lambda content: content["outputs"][0].update(role="probabilities"))
    classifier = Classifier(load_bundle(folder))
    with pytest.raises(InferenceError, match="gave what are no probabilities"):
        heard(classifier, tone(TONES[TIT], 1))
