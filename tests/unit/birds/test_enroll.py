"""Teaching a species: every fault at once and nothing stored, warnings that name the clip, and a new encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.birds.clips import PreparedClip, prepare_clip
from monitor.birds.embedder import Embedder
from monitor.birds.enroll import enroll, update
from monitor.birds.expectation import Judge
from monitor.birds.prototype import EnrolledClip
from monitor.birds.prototype_file import file_name
from monitor.birds.prototypes import PrototypeStore
from monitor.errors import StartError, StoreError, UsageError
from monitor.inference.bundle import Bundle, load_bundle
from tests.helpers.enrolling import HIGH, LOW, MIDDLE, RATE, clip_samples
from tests.helpers.species import NOW, audio_files
from tests.helpers.tiny_bundle import make_encoder_bundle, make_gate_bundle

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Kit:
    gate: Bundle
    encoder: Bundle
    embedder: Embedder
    judge: Judge

    def clip(self, hz: float, seed: int = 0, origin: str | None = None) -> PreparedClip:
        name = origin or f"{['alder', 'birch', 'cedar', 'daisy', 'elder'][seed % 5]}-{hz:g}.wav"
        return prepare_clip(clip_samples(hz, seed), name, self.gate, self.embedder)


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    folder = tmp_path_factory.mktemp("models")
    gate = load_bundle(make_gate_bundle(folder))
    encoder = load_bundle(make_encoder_bundle(folder))
    return Kit(gate, encoder, Embedder(encoder), Judge.of(encoder))


def taught(kit: Kit, store: PrototypeStore, name: str, clips: list[PreparedClip], **more):
    return enroll(store, name, clips, kit.embedder, kit.judge, NOW, **more)


def test_three_clips_make_a_species_that_recognises_itself(kit: Kit, tmp_path: Path):
    store = PrototypeStore(tmp_path)
    done = taught(kit, store, "low bird", [kit.clip(LOW, seed) for seed in range(3)])
    assert store.get("low bird").vector.tolist() == done.prototype.vector.tolist()
    assert done.prototype.model_id == "bird-encoder@1.0.0"
    assert done.expectation.recognised == 3
    assert done.expectation.nearest is None
    assert not any("sound" in warning for warning in done.warnings)
    other = taught(kit, store, "high bird", [kit.clip(HIGH, seed) for seed in range(2)])
    assert other.expectation.nearest is not None
    assert other.expectation.nearest[0] == "low bird"
    assert other.expectation.nearest[1] < 0.5
    assert other.expectation.confusable == ()
    trial = other.expectation.trial
    assert trial is not None
    assert trial.size == len(kit.judge.others.embedding)


def test_all_faults_come_at_once_and_nothing_is_stored(kit: Kit, tmp_path: Path):
    store = PrototypeStore(tmp_path)
    taught(kit, store, "low bird", [kit.clip(LOW)])
    again = [kit.clip(HIGH, 0), kit.clip(HIGH, 0, "copy.wav")]
    with pytest.raises(StartError) as caught:
        taught(kit, store, "Low  Bird", again, threshold=1.5)
    told = " ".join(str(error) for error in caught.value.errors)
    assert len(caught.value.errors) == 3
    assert "is enrolled already, from 1 clip" in told
    assert "--add" in told
    assert "copy.wav" in told
    assert "same audio as alder-6300.wav" in told
    assert "1.5" in told
    assert store.names() == ("low bird",)
    assert len(audio_files(tmp_path)) == 1
    with pytest.raises(UsageError, match="no clip"):
        taught(kit, store, "new bird", [])
    for name in ("", "unknown", "a" * 300):
        with pytest.raises(UsageError):
            taught(kit, store, name, [kit.clip(LOW)])
    with pytest.raises(UsageError, match="no probability"):
        taught(kit, store, "new bird", [kit.clip(LOW)], threshold=float("nan"))


def test_add_keeps_and_replace_forgets(kit: Kit, tmp_path: Path):
    store = PrototypeStore(tmp_path)
    taught(kit, store, "low bird", [kit.clip(LOW, 0)], threshold=0.7)
    with pytest.raises(UsageError, match="which is enrolled already"):
        taught(kit, store, "low bird", [kit.clip(LOW, 0, "other-name.wav")], existing="add")
    added = taught(kit, store, "low bird", [kit.clip(LOW, 1)], existing="add")
    assert len(added.prototype.clips) == 2
    assert added.prototype.threshold == 0.7
    assert len(added.expectation.clips) == 2
    replaced = taught(kit, store, "low bird", [kit.clip(LOW, 2)], existing="replace")
    assert len(replaced.prototype.clips) == 1
    assert replaced.prototype.threshold is None
    assert len(audio_files(tmp_path)) == 1


def test_another_encoder_and_a_damaged_file_are_told_with_the_remedy(kit: Kit, tmp_path: Path):
    store = PrototypeStore(tmp_path)
    old = EnrolledClip(clip_samples(LOW, 3), RATE, "old.wav", kit.clip(LOW, 3).clip.embedding)
    store.add("low bird", "bird-encoder@0.9.0", [old], NOW)
    with pytest.raises(UsageError, match=r"learnt with bird-encoder@0\.9\.0") as caught:
        taught(kit, store, "low bird", [kit.clip(LOW)], existing="add")
    assert "auricle species update" in caught.value.remedy
    taught(kit, store, "low bird", [kit.clip(LOW)], existing="replace")
    (tmp_path / file_name("low bird")).write_bytes(b"damaged")
    for existing in ("refuse", "add"):
        store.reload()
        with pytest.raises(StoreError, match="--replace"):
            taught(kit, store, "low bird", [kit.clip(LOW)], existing=existing)
    taught(kit, store, "low bird", [kit.clip(LOW, 1)], existing="replace")
    assert store.faults == ()


def test_the_clip_that_disagrees_is_named(kit: Kit, tmp_path: Path):
    store = PrototypeStore(tmp_path)
    taught(kit, store, "high bird", [kit.clip(HIGH, 3), kit.clip(HIGH, 4)])
    clips = [kit.clip(LOW, seed) for seed in range(3)]
    done = taught(kit, store, "low bird", [*clips, kit.clip(HIGH, 1, "wrong.wav")])
    odd = [warning for warning in done.warnings if "does not sound like" in warning]
    assert odd == ["wrong.wav does not sound like the other clips; it is nearer to high bird"]
    assert [clip.recognised for clip in done.expectation.clips] == [True, True, True, False]
    two = taught(kit, store, "mixed bird", [kit.clip(LOW, 4, "a.wav"), kit.clip(MIDDLE, 4, "b.wav")])
    assert any("a.wav and b.wav do not sound alike" in warning for warning in two.warnings)
    three = [kit.clip(2_300.0, 1, "a.wav"), kit.clip(MIDDLE, 1, "b.wav"), kit.clip(7_000.0, 1, "c.wav")]
    assert any("no clip sounds like the others" in told for told in taught(kit, store, "any bird", three).warnings)


def test_species_that_cannot_be_told_apart_are_named(kit: Kit, tmp_path: Path):
    store = PrototypeStore(tmp_path)
    taught(kit, store, "low bird", [kit.clip(LOW, 0), kit.clip(LOW, 1)])
    done = taught(kit, store, "lower bird", [kit.clip(LOW, 2)])
    assert [name for name, _ in done.expectation.confusable] == ["low bird"]
    assert any("too close to tell from low bird" in warning for warning in done.warnings)
    assert any("learnt from one clip" in warning for warning in done.warnings)


def test_clips_that_were_cut_from_one_recording_are_told(kit: Kit, tmp_path: Path):
    store = PrototypeStore(tmp_path)
    cut = [kit.clip(LOW, seed, f"XC129809_{seed}.wav") for seed in range(2)]
    told = taught(kit, store, "cut bird", cut).warnings
    assert any("cut from one recording (XC129809)" in warning for warning in told)
    numbered = [kit.clip(LOW, seed, f"blackbird_{seed}.wav") for seed in range(2)]
    told = taught(kit, store, "numbered bird", numbered).warnings
    assert not any("one recording" in warning for warning in told)


def test_update_embeds_the_kept_audio_again(kit: Kit, tmp_path: Path):
    store = PrototypeStore(tmp_path / "species")
    taught(kit, store, "low bird", [kit.clip(LOW, 0), kit.clip(LOW, 1)], threshold=0.8)
    newer = Embedder(load_bundle(make_encoder_bundle(tmp_path / "newer", version="2.0.0", dimension=24)))
    fresh = update(store, store.get("low bird"), kit.gate, newer, None)
    assert (fresh.model_id, fresh.dimension, fresh.threshold) == ("bird-encoder@2.0.0", 24, 0.8)
    assert fresh.enrolled_utc_ns == NOW
    again = prepare_clip(clip_samples(LOW, 1), "again", kit.gate, newer)
    assert np.allclose(fresh.embeddings[1], again.clip.embedding, atol=1e-6)
    assert store.for_encoder("bird-encoder@2.0.0").to_re_embed == ()


def test_update_resamples_what_was_kept_at_another_rate_whatever_the_gate_says(kit: Kit, tmp_path: Path):
    store = PrototypeStore(tmp_path)
    hum = (0.3 * np.sin(2 * np.pi * 400 * np.arange(2 * 16_000) / 16_000)).astype(np.float32)
    store.add("hum", "old@1.0.0", [EnrolledClip(hum, 16_000, "hum.wav", kit.clip(LOW).clip.embedding)], NOW)
    fresh = update(store, store.get("hum"), kit.gate, kit.embedder, None)
    assert [(clip.rate, clip.length) for clip in fresh.clips] == [(RATE, 2 * RATE)]


def test_update_tells_lost_audio_and_changes_meanwhile(kit: Kit, tmp_path: Path):
    store = PrototypeStore(tmp_path)
    old = taught(kit, store, "low bird", [kit.clip(LOW, 0)]).prototype
    taught(kit, PrototypeStore(tmp_path), "low bird", [kit.clip(LOW, 1)], existing="add")
    with pytest.raises(UsageError, match="changed by another program"):
        update(store, old, kit.gate, kit.embedder, None)
    for file in (tmp_path / "audio").iterdir():
        file.unlink()
    with pytest.raises(StartError) as caught:
        update(store, store.get("low bird"), kit.gate, kit.embedder, None)
    assert len(caught.value.errors) == 2
    assert len(store.get("low bird").clips) == 2
