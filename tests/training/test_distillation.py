"""Mixtures, the teacher's straightened space, the student and its training."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from typing import TYPE_CHECKING

import torch

from monitor.audio.resample import Decimate
from monitor.core.types import AudioBlock
from monitor.errors import BundleError
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from training.data.catalog import Kind, Recording
from training.data.splits import Part
from training.fewshot.distil import distil, outputs
from training.fewshot.mixtures import LOWEST_DB, STEP_DB, Chunk, Mixer, decibels, student_features
from training.fewshot.recipe import Distillation, FewShotRecipe, Mixtures, TargetSpace
from training.fewshot.sources import Sources
from training.fewshot.target import fit_target
from training.fewshot.teacher import SAMPLES, fetch_teacher
from training.fewshot.train import Trained, heard_by
from training.nets.student import Scale, Student
from training.systems.distillation import DistillationSystem

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = 147
RATE = 48_000


class _Store(dict[str, np.ndarray]):
    """Sound by path, as the store of decoded recordings gives it."""

    name = "made"


def _recording(path: str, label: str, kind: Kind = Kind.SPECIES) -> Recording:
    return Recording(path, kind, label, "cc0", (f"file:{path}",))


@pytest.fixture(scope="module")
def sources() -> Sources:
    """Two species that whistle at different heights, one with a clip shorter than a window, and hiss."""
    generator = np.random.default_rng(0)
    time = np.arange(6 * RATE) / RATE
    store = _Store(
        low=(0.3 * np.sin(2 * np.pi * 2_000 * time)).astype(np.float32),
        high=(0.3 * np.sin(2 * np.pi * 5_000 * time[: 2 * RATE])).astype(np.float32),
        hiss=(0.1 * generator.standard_normal(5 * RATE)).astype(np.float32),
        silent=np.zeros(5 * RATE, dtype=np.float32),
    )
    birds = {Part.TRAIN: {"low": [_recording("low", "low")], "high": [_recording("high", "high")]}}
    quiet = [_recording(name, "rain", Kind.ESC50) for name in ("hiss", "silent")]
    return Sources(store, birds, quiet)  # type: ignore[arg-type]


def _recipe(**changes: object) -> FewShotRecipe:
    bundle = {"name": "a", "version": "1.0.0", "summary": "A."}
    return FewShotRecipe.model_validate({"system": "fewshot", "bundle": bundle, **changes})


def test_a_mixture_depends_on_its_number_alone(sources: Sources) -> None:
    mixer = Mixer(sources, Part.TRAIN, Mixtures(), FRAMES, seed=3)
    forwards = [mixer.sound(i) for i in range(6)]
    backwards = [mixer.sound(i) for i in reversed(range(6))][::-1]
    for a, b in zip(forwards, backwards, strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(sound.shape == (SAMPLES,) and sound.dtype == np.float32 for sound in forwards)
    assert not np.array_equal(forwards[0], Mixer(sources, Part.TRAIN, Mixtures(), FRAMES, seed=4).sound(0))


def test_mixtures_keep_to_the_levels_they_are_told(sources: Sources) -> None:
    mixer = Mixer(sources, Part.TRAIN, Mixtures(level_dbfs=(-30.0, -30.0), none_share=0.0), FRAMES, seed=0)
    for index in range(8):
        rms = np.sqrt(np.mean(np.square(mixer.sound(index), dtype=np.float64)))
        assert 20 * np.log10(rms * np.sqrt(2)) == pytest.approx(-30.0, abs=0.01)


def test_slower_birds_sound_lower(sources: Sources) -> None:
    plain = {"none_share": 0.0, "second_share": 0.0, "background_share": 0.0, "low_pass_share": 0.0, "tilt_share": 0.0}
    settings = Mixtures(**plain, high_pass_share=0.0, reversed_share=0.0, speed_share=1.0, speed=(0.5, 0.5))
    only_low = Sources(sources.store, {Part.TRAIN: {"low": sources.birds[Part.TRAIN]["low"]}}, sources.backgrounds)
    sound = Mixer(only_low, Part.TRAIN, settings, FRAMES, seed=0).sound(0)
    peak = np.abs(np.fft.rfft(sound)).argmax() * RATE / SAMPLES
    assert peak == pytest.approx(1_000.0, abs=5.0)


def test_the_student_hears_what_the_monitor_hears(sources: Sources) -> None:
    """Through the monitor's own resampling and kernel, within half a step of a byte."""
    sound = Mixer(sources, Part.TRAIN, Mixtures(), FRAMES, seed=1).sound(2)
    decimate = Decimate(16_000)
    blocks = [*decimate.push(AudioBlock(sound, 0)), *decimate.flush()]
    expected = Kernel(BIRD)(np.concatenate([block.samples for block in blocks]))[:FRAMES]
    stored = decibels(student_features(sound, Kernel(BIRD), FRAMES))
    assert stored.shape == (FRAMES, BIRD.bands)
    inside = expected < LOWEST_DB + 255 * STEP_DB
    np.testing.assert_allclose(stored[inside], expected[inside], atol=STEP_DB / 2 + 1e-4)


def test_the_target_brings_clips_of_a_species_together() -> None:
    """A direction that varies within species, however loud, no longer decides."""
    generator = np.random.default_rng(0)
    species = np.repeat(np.arange(40), 6)
    rows = 1.0 + 0.2 * generator.standard_normal((40, 1024))[species]
    rows += 2.0 * np.abs(generator.standard_normal((240, 1))) * (np.arange(1024) < 8)
    rows = np.maximum(rows, 0.0).astype(np.float32)
    unit = fit_target(rows, species, TargetSpace(power=0.5, shrinkage=0.3))(rows)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1.0, atol=1e-5)
    same = species[:, None] == species[None, :]
    raw = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def nearest_is_same(vectors: np.ndarray) -> float:
        cosine = vectors @ vectors.T
        np.fill_diagonal(cosine, -2.0)
        return float(same[np.arange(240), cosine.argmax(axis=1)].mean())

    assert nearest_is_same(unit) > nearest_is_same(raw)


def test_scaling_does_not_hear_the_level() -> None:
    windows = torch.randn(3, FRAMES, BIRD.bands, generator=torch.Generator().manual_seed(0)) * 12 - 60
    scaled = Scale()(windows)
    torch.testing.assert_close(scaled, Scale()(windows - 17.0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(scaled[1:2], Scale()(windows[1:2]))
    assert torch.isfinite(Scale()(torch.full((1, FRAMES, BIRD.bands), -90.0))).all()


def test_disturbing_changes_sound_but_not_shape_or_input() -> None:
    system = DistillationSystem(Student(), Distillation(noise_share=1.0, mask_share=1.0), 10, seed=0)
    windows = torch.randn(4, FRAMES, BIRD.bands, generator=torch.Generator().manual_seed(0)) * 10 - 60
    before = windows.clone()
    disturbed = system.disturbed(windows)
    assert disturbed.shape == windows.shape
    assert torch.isfinite(disturbed).all()
    assert torch.equal(windows, before)
    assert not torch.allclose(disturbed, windows)


def _chunk(rows: int, seed: int) -> Chunk:
    generator = np.random.default_rng(seed)
    features = generator.integers(0, 200, (rows, FRAMES, BIRD.bands), dtype=np.uint8)
    return Chunk(features, np.abs(generator.standard_normal((rows, 1024))).astype(np.float16))


def test_a_trained_student_is_kept_and_read_again(tmp_path: Path) -> None:
    recipe = _recipe(distillation={"epochs": 1.0, "batch": 4, "threads": 1})
    chunk = _chunk(8, 0)
    target = fit_target(chunk.targets.astype(np.float32), np.arange(8) // 2, TargetSpace())
    told: list[str] = []
    trained = distil(recipe, lambda: [chunk], lambda: [chunk], target, tmp_path / "student.pt", told.append)
    assert any("validation_cosine" in line for line in told)
    assert [path.name for path in tmp_path.iterdir()] == ["student.pt"]

    def never() -> list[Chunk]:
        raise AssertionError("mixtures are not asked for when the student is there")

    again = distil(recipe, never, never, target, tmp_path / "student.pt", told.append)
    windows = decibels(chunk.features[:3])
    for one, other in zip(outputs(trained, windows), outputs(again, windows), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)  # another memory layout, another rounding
    pooled, answers = outputs(again, windows[:1])
    np.testing.assert_allclose(pooled, outputs(again, windows)[0][:1], atol=1e-4)
    assert answers.shape == (1, 1024)


def test_another_file_is_not_taken_for_the_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai_edge_litert")
    monkeypatch.setenv("AURICLE_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite").write_bytes(b"not a model")
    with pytest.raises(BundleError, match="is another file"):
        fetch_teacher(tmp_path, print, tmp_path)
    assert not list((tmp_path / "models").glob("*/*"))


def test_a_blended_window_has_both_sounds_and_points_between_their_targets() -> None:
    settings = Distillation(blend_share=1.0, blend_db=(0.0, 0.0))
    system = DistillationSystem(Student(), settings, total_steps=10, seed=0)
    features = torch.full((2, FRAMES, BIRD.bands), -90.0)
    features[0, :, 10], features[1, :, 90] = -20.0, -50.0
    targets = torch.eye(2, 1024)
    seeds = range(20)
    for seed in seeds:
        system._generator.manual_seed(seed)
        blended, told = system.blended(features, targets)
        np.testing.assert_allclose(told.norm(dim=1), 1.0, atol=1e-5)
        if told[0, 1] > 0:  # the draw that laid the other window on top, as loud as the first
            np.testing.assert_allclose(told[0, :2], [0.5**0.5, 0.5**0.5], atol=1e-5)
            np.testing.assert_allclose(blended[0, :, [10, 90]].mean(dim=0), [-20.0, -20.0], atol=0.1)
            return
    pytest.fail("no draw of twenty took the other window")


def test_a_student_begins_where_it_is_told(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    chunk = Chunk(
        generator.integers(0, 255, (4, FRAMES, BIRD.bands), np.uint8), generator.random((4, 1024)).astype("f2")
    )
    target = fit_target(generator.random((40, 1024), np.float32), np.repeat(np.arange(10), 4), TargetSpace())
    recipe = _recipe(distillation={"epochs": 1.0, "batch": 4, "learning_rate": 1e-9, "weight_decay": 0.0, "threads": 1})
    start = Student()
    made = distil(recipe, lambda: [chunk], lambda: [chunk], target, tmp_path / "student.pt", print, start)
    for name, weight in made.named_parameters():
        torch.testing.assert_close(weight, dict(start.named_parameters())[name], atol=1e-6, rtol=0.0)


def test_what_was_heard_before_is_heard_again_where_the_recipe_says_so(sources: Sources, tmp_path: Path) -> None:
    own, earlier = tmp_path / "own", tmp_path / "earlier"
    start = Trained(Student(), sources, tmp_path / "teacher", "key", earlier)
    assert heard_by(_recipe(start="first.toml", rehearse=True), own, start) == [own, earlier]
    assert heard_by(_recipe(start="first.toml"), own, start) == [own]
    assert heard_by(_recipe(), own, None) == [own]
    with pytest.raises(ValueError, match="needs a `start`"):
        _recipe(rehearse=True)


def test_other_sounds_and_made_up_species_take_the_place_of_birds(sources: Sources) -> None:
    """Shares of 1: whatever is heard is no clip of a species."""
    plain = {"none_share": 0.0, "second_share": 0.0, "background_share": 0.0, "low_pass_share": 0.0}
    plain |= {"high_pass_share": 0.0, "tilt_share": 0.0, "reversed_share": 0.0, "level_dbfs": (-30.0, -30.0)}
    others = [_recording("hiss", "rain", Kind.ESC50)]
    given = Sources(sources.store, sources.birds, sources.backgrounds, others)
    hiss = Mixer(given, Part.TRAIN, Mixtures(**plain, other_share=1.0), FRAMES, seed=0).sound(0)
    made_up = Mixer(given, Part.TRAIN, Mixtures(**plain, synthetic_share=1.0), FRAMES, seed=0)
    spectrum = np.abs(np.fft.rfft(hiss)) ** 2
    assert spectrum.max() < 0.01 * spectrum.sum()  # noise, no whistle
    assert np.isfinite(made_up.sound(0)).all()
    assert not np.array_equal(made_up.sound(0), made_up.sound(1))
