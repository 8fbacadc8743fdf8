"""An encoder that takes sound, in every place where one on features serves: enrolling, tagging, embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.audio.rates import blocks_of
from monitor.birds.background import final_tags
from monitor.birds.clips import prepare_clip
from monitor.birds.cohort import Calibration, Cohort
from monitor.birds.embedder import Embedder
from monitor.birds.enroll import update
from monitor.birds.enrolled import Enrolled
from monitor.birds.gate import GateThresholds
from monitor.birds.prototypes import PrototypeStore
from monitor.birds.sound_embedder import SoundEmbedder, embedder_of, frames_of_window
from monitor.birds.tagger import Tagger
from monitor.birds.ungated import EmbeddedWindow, HeardWindow, Ungated
from monitor.core.events import TagDetection
from monitor.core.types import AudioBlock, FeatureBlock, SampleWindow, Span
from monitor.engine.graph import Pipeline
from monitor.engine.models import EncoderModel, GateModel, Models
from monitor.errors import BundleError
from monitor.features.spec import BIRD
from monitor.inference.bundle import load_bundle
from tests.helpers.tagging import NOW, enroll_in_folder, sounds
from tests.helpers.tiny_bundle import call, make_encoder_bundle, make_gate_bundle
from tests.helpers.tiny_sound import RATE, WIDTH, make_sound_encoder_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.inference.bundle import Bundle

LOW, HIGH, OTHER = 2_800.0, 5_600.0, 4_100.0
SAMPLES = 144_000
"""Of a window at the engine rate."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def gate(root: Path) -> Bundle:
    return load_bundle(make_gate_bundle(root))


@pytest.fixture(scope="module")
def encoder(root: Path) -> Bundle:
    return load_bundle(make_sound_encoder_bundle(root))


@pytest.fixture(scope="module")
def embedder(encoder: Bundle) -> SoundEmbedder:
    return SoundEmbedder(encoder)


def clip(hz: float, seconds: float = 3.2, seed: int = 0) -> np.ndarray:
    return call(hz, seconds, 48_000, seed)


def taught(store: PrototypeStore, gate: Bundle, encoder: Bundle) -> Enrolled:
    embedder = SoundEmbedder(encoder)
    for name, hz in (("low", LOW), ("high", HIGH)):
        store.add(name, embedder.model_id, [prepare_clip(clip(hz), f"{name}.wav", gate, embedder).clip], NOW)
    species = store.for_encoder(embedder.model_id)
    enrolled = Enrolled.of(species, Cohort.of(encoder), Calibration.of(encoder.manifest))
    assert enrolled
    return enrolled


def test_what_it_says_of_itself(embedder: SoundEmbedder, gate: Bundle) -> None:
    assert (embedder.model_id, embedder.dimension, embedder.rate) == ("sound-encoder@1.0.0", WIDTH, RATE)
    assert (embedder.samples, embedder.hop) == (SAMPLES, 48_000)
    frames = frames_of_window(embedder, gate)
    assert (frames - 1) * BIRD.engine_hop + BIRD.engine_window >= SAMPLES
    assert (frames - 2) * BIRD.engine_hop + BIRD.engine_window < SAMPLES


def test_the_same_pitch_is_nearer_than_another(embedder: SoundEmbedder) -> None:
    cut = [clip(hz, seed=seed)[:SAMPLES] for hz, seed in ((LOW, 0), (LOW, 1), (HIGH, 0))]
    here, again, there = embedder.embed(np.stack(cut))
    assert here @ again > 0.95
    assert here @ there < 0.6
    np.testing.assert_array_equal(embedder.embed(cut[1][None])[0], again)


def test_as_a_stage_it_takes_windows_of_sound(embedder: SoundEmbedder) -> None:
    window = SampleWindow(clip(LOW)[:SAMPLES], Span(96_000, 240_000), 48_000)
    (embedding,) = embedder.push(window)
    assert (embedding.span, embedding.model_id) == (window.span, embedder.model_id)
    with pytest.raises(ValueError, match="needs 144000 samples at 48000 Hz"):
        embedder.push(SampleWindow(clip(LOW)[:1_000], Span(0, 1_000), 48_000))


def test_a_bundle_gets_the_embedder_that_its_input_wants(encoder: Bundle, gate: Bundle, tmp_path: Path) -> None:
    assert isinstance(embedder_of(encoder), SoundEmbedder)
    assert isinstance(embedder_of(load_bundle(make_encoder_bundle(tmp_path))), Embedder)
    with pytest.raises(BundleError, match="not an encoder"):
        embedder_of(gate)
    with pytest.raises(BundleError, match="not an encoder on sound"):
        SoundEmbedder(gate)


def test_a_short_clip_is_repeated_and_a_long_one_is_heard_where_the_bird_is(
    gate: Bundle, embedder: SoundEmbedder
) -> None:
    short = prepare_clip(clip(LOW, 0.6), "short", gate, embedder)
    assert len(short.chosen) == 1
    assert short.chosen[0] == Span(0, 28_800)
    sound = sounds([(5.0, None), (3.0, LOW), (5.0, None)])
    long = prepare_clip(sound, "long", gate, embedder)
    first = long.chosen[0]
    assert 3.0 <= first.start / 48_000 <= 6.0
    np.testing.assert_allclose(embedder.embed(sound[first.start : first.start + SAMPLES][None])[0], long.windows[0])
    assert long.clip.embedding @ short.clip.embedding > 0.8


def test_taught_species_are_told_apart(gate: Bundle, encoder: Bundle, tmp_path: Path) -> None:
    enrolled = taught(PrototypeStore(tmp_path), gate, encoder)
    parts = [(4.0, None), (3.0, LOW), (5.0, None), (3.0, HIGH), (5.0, None), (3.0, OTHER), (4.0, None)]
    tags = list(final_tags(blocks_of(sounds(parts)), gate, SoundEmbedder(encoder), enrolled))
    assert [tag.label for tag in tags] == ["low", "high", None]


def heard_by_pipeline(sound: np.ndarray, models: Models, enrolled: Enrolled, block: int) -> list[TagDetection]:
    pipeline = Pipeline(48_000, models, screen=False)
    pipeline.enrolled = enrolled
    readings = []
    for start in range(0, len(sound), block):
        readings += pipeline.push(AudioBlock(sound[start : start + block], start, 48_000))
    readings += pipeline.flush()
    return [reading for reading in readings if isinstance(reading, TagDetection)]


def test_the_engine_tags_with_it_however_the_audio_is_cut(gate: Bundle, encoder: Bundle, tmp_path: Path) -> None:
    enrolled = taught(PrototypeStore(tmp_path), gate, encoder)
    thresholds = GateThresholds.of(gate.manifest)
    behind = EncoderModel(encoder, SoundEmbedder(encoder), Cohort.of(encoder), Calibration.of(encoder.manifest))
    models = Models(GateModel(gate, thresholds), behind)
    sound = sounds([(1.0, None), (2.5, LOW), (4.0, None), (3.0, HIGH), (3.0, None)])
    tags = heard_by_pipeline(sound, models, enrolled, 48_000)
    assert [tag.label for tag in tags if not tag.provisional] == ["low", "high"]
    assert any(tag.provisional for tag in tags)
    assert heard_by_pipeline(sound, models, enrolled, 1_237) == tags
    alone = list(final_tags(blocks_of(sound), gate, SoundEmbedder(encoder), enrolled))
    assert [(tag.span, tag.label, tag.score) for tag in alone] == [
        (tag.span, tag.label, tag.score) for tag in tags if not tag.provisional
    ]


def test_a_stream_shorter_than_a_window_is_tagged_too(gate: Bundle, encoder: Bundle, tmp_path: Path) -> None:
    enrolled = taught(PrototypeStore(tmp_path), gate, encoder)
    tags = list(final_tags(blocks_of(clip(HIGH, 2.0)), gate, SoundEmbedder(encoder), enrolled))
    assert [tag.label for tag in tags] == ["high"]


def test_the_tagger_takes_sound_and_nothing_else(gate: Bundle, embedder: SoundEmbedder) -> None:
    tagger = Tagger(embedder, gate)
    tagger.push(AudioBlock(np.zeros(480, np.float32), 960))
    with pytest.raises(ValueError, match="expected sample 1440, got 1500"):
        tagger.push(AudioBlock(np.zeros(480, np.float32), 1_500))
    with pytest.raises(ValueError, match="takes sound"):
        tagger.push(FeatureBlock(np.full((10, BIRD.bands), -90.0, np.float32), 0))
    tagger.reset(0)
    tagger.push(AudioBlock(np.zeros(480, np.float32), 3))


def test_windows_of_a_recording_and_the_gate_inside(gate: Bundle, embedder: SoundEmbedder) -> None:
    sound = sounds([(4.0, None), (3.0, LOW), (4.0, None)])
    found = list(Ungated(gate, embedder).windows(blocks_of(sound)))
    embedded = [window for window in found if isinstance(window, EmbeddedWindow)]
    gated = [window for window in found if isinstance(window, HeardWindow)]
    assert [window.span for window in embedded] == [Span(at * 48_000, (at + 3) * 48_000) for at in range(9)]
    for window in embedded:
        inside = [one for one in gated if window.span.start <= one.span.start and one.span.end <= window.span.end]
        assert window.gate == max(one.probability for one in inside)
        cut = sound[window.span.start : window.span.end]
        np.testing.assert_array_equal(window.vector, embedder.embed(cut[None])[0])


def test_a_recording_shorter_than_a_window_gives_one(gate: Bundle, embedder: SoundEmbedder) -> None:
    found = list(Ungated(gate, embedder).windows(blocks_of(clip(LOW, 1.5))))
    (embedded,) = [window for window in found if isinstance(window, EmbeddedWindow)]
    assert embedded.span == Span(0, 72_000)
    assert embedded.gate > 0.5


def test_changing_the_encoder_embeds_the_kept_audio_again(gate: Bundle, encoder: Bundle, tmp_path: Path) -> None:
    before = load_bundle(make_encoder_bundle(tmp_path / "models"))
    store = enroll_in_folder(tmp_path / "species", before, {"low": LOW})
    fresh = update(store, store.get("low"), gate, SoundEmbedder(encoder), None)
    assert fresh.model_id == "sound-encoder@1.0.0"
    assert len(fresh.clips) == 3
    low, high = (prepare_clip(clip(hz), "call", gate, SoundEmbedder(encoder)).clip.embedding for hz in (LOW, HIGH))
    assert fresh.vector @ low > fresh.vector @ high + 0.3


def test_without_a_cohort_it_embeds_and_says_that_it_cannot_tag(tmp_path: Path) -> None:
    plain = load_bundle(make_sound_encoder_bundle(tmp_path, cohort=False))
    assert SoundEmbedder(plain).dimension == WIDTH
    with pytest.raises(BundleError, match="has no cohort"):
        Cohort.of(plain)
