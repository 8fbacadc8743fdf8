"""A gate that takes sound, as an imported model does, in the place of one that takes frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from monitor.audio.rates import blocks_of
from monitor.birds.background import final_tags
from monitor.birds.clips import prepare_clip
from monitor.birds.embedder import Embedder
from monitor.birds.gate import Gate, GateThresholds
from monitor.birds.gate_grid import grid_of
from monitor.birds.sound_embedder import SoundEmbedder
from monitor.birds.ungated import EmbeddedWindow, HeardWindow, Ungated
from monitor.core.events import ActivityChange, GateReading, TagDetection
from monitor.core.types import ENGINE_RATE, AudioBlock, SampleWindow, Span
from monitor.engine.graph import Pipeline
from monitor.engine.models import load_models
from monitor.errors import BundleError
from monitor.features.spec import BIRD
from monitor.inference.bundle import Bundle, load_bundle
from monitor.inference.foreign import Foreign, import_foreign
from monitor.settings import BirdsSettings
from tests.helpers.tagging import enrolled_by_pitch, enrolled_of, sounds
from tests.helpers.tiny_bundle import call, make_encoder_bundle
from tests.helpers.tiny_sound import loud_gate, make_sound_encoder_bundle, make_sound_gate_bundle

if TYPE_CHECKING:
    from pathlib import Path

PARTS = [(4.0, None), (3.0, 4_100.0), (5.0, None), (3.0, 2_700.0), (4.0, None)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    make_sound_gate_bundle(root)
    make_sound_gate_bundle(root, name="long-gate", rate=32_000, samples=160_000)
    make_encoder_bundle(root)
    make_sound_encoder_bundle(root)
    return root


@pytest.fixture(scope="module")
def gate(root: Path) -> Bundle:
    return load_bundle(root / "sound-gate" / "1.0.0")


@pytest.fixture(scope="module")
def encoder(root: Path) -> Bundle:
    return next(load_bundle(folder) for folder in (root / "bird-encoder").iterdir())


def activities(readings: list[object]) -> list[tuple[float, float]]:
    """Seconds of those that are over."""
    over = [one.span for one in readings if isinstance(one, ActivityChange) and not one.active]
    return [(span.start / ENGINE_RATE, span.end / ENGINE_RATE) for span in over]


def test_windows_of_yamnets_length_lie_on_the_grid_of_frames(gate: Bundle) -> None:
    grid = grid_of(gate)
    assert grid.takes_sound
    assert grid.length == 46_800
    assert (grid.cut.frames - 1) * BIRD.engine_hop + BIRD.engine_window <= grid.length
    assert grid.cut.frames * BIRD.engine_hop + BIRD.engine_window > grid.length
    sound = sounds(PARTS)
    stage = Gate(gate).windows()
    windows = [window for block in blocks_of(sound) for window in stage.push(block)]
    assert len(windows) == 1 + (len(sound) - grid.length) // (grid.cut.hop * BIRD.engine_hop)
    assert all(window.span.start % BIRD.engine_hop == 0 for window in windows)


def test_windows_shorter_than_a_frame_are_refused(tmp_path: Path) -> None:
    folder = make_sound_gate_bundle(tmp_path, samples=900)
    with pytest.raises(BundleError, match="56 ms are shorter than a frame"):
        Gate(load_bundle(folder))


def test_other_windows_are_refused(gate: Bundle) -> None:
    with pytest.raises(ValueError, match="needs 46800 samples at 48000 Hz, got 100 samples at 48000 Hz"):
        Gate(gate).push(SampleWindow(np.zeros(100, np.float32), Span(0, 100), ENGINE_RATE))


@pytest.mark.parametrize("name", ["sound-gate", "long-gate"])
@pytest.mark.parametrize("encoder", ["bird-encoder", "sound-encoder"])
def test_the_pipeline_hears_and_tags_with_it(root: Path, name: str, encoder: str) -> None:
    models = load_models(BirdsSettings(gate=name, encoder=encoder), [root])
    assert models.encoder
    assert models.gate
    pipeline = Pipeline(ENGINE_RATE, models, screen=False)
    assert isinstance(models.encoder.embedder, Embedder | SoundEmbedder)
    clips = [call(hz, 3.2, ENGINE_RATE) for hz in (4_100.0, 2_700.0)]
    kept = [prepare_clip(clip, "made", models.gate.bundle, models.encoder.embedder) for clip in clips]
    vectors = {"middle": kept[0].clip.embedding, "low": kept[1].clip.embedding}
    pipeline.enrolled = enrolled_of(models.encoder.bundle, vectors)
    sound = sounds(PARTS)
    readings = [one for block in blocks_of(sound) for one in pipeline.push(block)]
    readings += pipeline.flush()
    heard = activities(readings)
    length = 0.975 if name == "sound-gate" else 5.0
    for start, end in heard:
        assert any(start < begun + 3.0 and begun < end for begun in (4.0, 12.0))
    if name == "sound-gate":
        assert [(4.0 - length <= start <= 4.6, 6.4 <= end <= 7.0 + length) for start, end in heard[:1]] == [
            (True, True)
        ]
        finals = [one.label for one in readings if isinstance(one, TagDetection) and not one.provisional]
        assert finals == ["middle", "low"]
    assert heard


def test_how_the_sound_is_cut_changes_nothing(root: Path) -> None:
    models = load_models(BirdsSettings(gate="sound-gate"), [root])
    assert models.encoder
    sound = sounds(PARTS)
    told: list[list[object]] = []
    for step in (len(sound), 7_777):
        pipeline = Pipeline(ENGINE_RATE, models, screen=False)
        pipeline.enrolled = enrolled_by_pitch(models.encoder.bundle, {"middle": 4_100.0})
        readings = [
            one
            for start in range(0, len(sound), step)
            for one in pipeline.push(AudioBlock(sound[start : start + step], start))
        ]
        told.append([*readings, *pipeline.flush()])
    kinds = (GateReading, ActivityChange, TagDetection)
    first, second = ([one for one in some if isinstance(one, kinds)] for some in told)
    assert first == second
    assert any(isinstance(one, TagDetection) for one in first)


def test_after_a_gap_it_begins_anew(root: Path) -> None:
    models = load_models(BirdsSettings(gate="sound-gate", tagging=False), [root])
    pipeline = Pipeline(ENGINE_RATE, models, screen=False)
    sound = sounds([(3.0, 4_100.0)])
    for block in blocks_of(sound):
        pipeline.push(block)
    pipeline.flush()
    at = 30 * ENGINE_RATE + 9
    pipeline.reset(at)
    told = pipeline.push(AudioBlock(sounds([(1.0, None), (3.0, 4_100.0)]), at)) + pipeline.flush()
    readings = [one for one in told if isinstance(one, GateReading)]
    assert readings
    assert all(one.span.start >= at for one in readings)
    assert len(activities(list(told))) == 1


def test_enrolling_and_backgrounds_hear_what_the_pipeline_hears(gate: Bundle, encoder: Bundle) -> None:
    sound = sounds([(4.0, None), (2.0, 4_100.0), (4.0, None)])
    prepared = prepare_clip(sound, "made", gate, Embedder(encoder))
    assert prepared.peak > 0.99
    best = prepared.chosen[0]
    assert best.start < 5.0 * ENGINE_RATE < best.end
    enrolled = enrolled_by_pitch(encoder, {"middle": 4_100.0})
    assert enrolled
    tags = list(final_tags(blocks_of(sound), gate, Embedder(encoder), enrolled))
    assert [tag.label for tag in tags] == ["middle"]
    short = prepare_clip(call(4_100.0, 0.5, ENGINE_RATE), "short", gate, Embedder(encoder))
    assert short.peak > 0.99


def test_every_window_has_its_probability(gate: Bundle, encoder: Bundle) -> None:
    sound = sounds([(6.0, None), (2.0, 4_100.0), (6.0, None)])
    told = list(Ungated(gate, Embedder(encoder)).windows(blocks_of(sound)))
    scored = [one for one in told if isinstance(one, HeardWindow)]
    stage, windows = Gate(gate, GateThresholds(0.5, 0.3)), Gate(gate).windows()
    alone = [
        item.probability
        for block in blocks_of(sound)
        for window in windows.push(block)
        for item in stage.push(window)
        if isinstance(item, GateReading)
    ]
    assert [one.probability for one in scored] == alone
    embedded = [one for one in told if isinstance(one, EmbeddedWindow)]
    assert embedded
    for window in embedded:
        inside = [one for one in scored if window.span.start <= one.span.start and one.span.end <= window.span.end]
        assert window.gate == max(one.probability for one in inside)
    short = list(Ungated(gate, Embedder(encoder)).windows(blocks_of(call(4_100.0, 0.5, ENGINE_RATE))))
    assert [type(one) for one in short].count(HeardWindow) == 1


def test_of_a_classifier_the_likeliest_bird_counts(tmp_path: Path) -> None:
    onnx.save(loud_gate(15_600, 521), tmp_path / "yamnet.onnx")
    labels = ("Speech", "Bird", *(f"sound {number}" for number in range(519)))
    model = Foreign(tmp_path / "yamnet.onnx", "gate", "yamnet", 16_000, 15_600, labels, birds=("Bird",))
    gate = Gate(load_bundle(import_foreign(model, tmp_path / "models")))
    quiet, loud = (sounds([(0.975, hz)]) for hz in (None, 4_100.0))
    told = [
        gate.push(SampleWindow(sound, Span(start, start + len(sound)), ENGINE_RATE))[0]
        for start, sound in ((0, quiet), (len(quiet), loud))
    ]
    assert [round(one.probability, 1) for one in told if isinstance(one, GateReading)] == [0.0, 1.0]


def test_a_list_of_birds_that_are_no_labels_is_refused(tmp_path: Path) -> None:
    onnx.save(loud_gate(15_600, 3), tmp_path / "m.onnx")
    model = Foreign(tmp_path / "m.onnx", "gate", "m", 16_000, 15_600, ("Speech", "Bird", "Engine"), birds=("Brid",))
    bundle = load_bundle(import_foreign(model, tmp_path / "models"))
    with pytest.raises(BundleError, match="names `Brid`, which is no label"):
        Gate(bundle)
    without = Foreign(tmp_path / "m.onnx", "gate", "n", 16_000, 15_600, ("Speech", "Bird", "Engine"))
    with pytest.raises(BundleError, match="a gate with labels needs `birds`"):
        import_foreign(without, tmp_path / "models")
