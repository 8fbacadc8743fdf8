from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.birds.clips import embed_clip
from monitor.birds.frames import gate_probabilities
from monitor.birds.peaks import best_windows
from monitor.errors import UsageError
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from monitor.inference.bundle import Bundle, load_bundle
from tests.helpers.clips import made_recordings
from tests.helpers.recordings import DATA, needs_recordings
from tests.helpers.tiny_bundle import call, make_gate_bundle
from training.data.audio import AudioStore
from training.data.catalog import Kind, load_catalog
from training.data.episodes import Protocol
from training.data.species_parts import load_parts, recordings_of
from training.data.splits import Part
from training.fewshot.background import Use, background
from training.fewshot.baselines import log_mel_statistics, standardised
from training.fewshot.clips import clip_set, prepare_clips
from training.fewshot.embeddings import Choice, encode, unit_rows, window_embeddings, windows_of_clip
from training.fewshot.episodes_score import EpisodeSet
from training.fewshot.inserted import inserted_clips

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = 147


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(make_gate_bundle(tmp_path_factory.mktemp("models")))


def with_call(seconds: float, at: float, seed: int = 0) -> np.ndarray:
    """A call of a second in quiet noise."""
    sound = (1e-3 * np.random.default_rng(seed).standard_normal(round(seconds * BIRD.rate))).astype(np.float32)
    one = call(4_100.0, 1.0)
    start = round(at * BIRD.rate)
    sound[start : start + len(one)] += one[: len(sound) - start]
    return sound


def test_a_short_clip_is_repeated_in_the_waveform(gate: Bundle) -> None:
    short = with_call(1.0, 0.2)
    clips = clip_set(made_recordings(1, 1), [short], gate, FRAMES)
    repeated = np.concatenate([short] * 3)[: BIRD.samples_in(FRAMES)]
    assert np.array_equal(clips.clips[0].features, Kernel(BIRD)(repeated))
    for choice in Choice:
        assert windows_of_clip(clips.clips[0], clips, choice) == [0]


def test_a_clip_without_sound_is_refused(gate: Bundle) -> None:
    with pytest.raises(UsageError, match="no sound"):
        clip_set(made_recordings(1, 1), [np.zeros(0, dtype=np.float32)], gate, FRAMES)


def test_windows_are_those_of_the_monitor(gate: Bundle) -> None:
    clips = clip_set(made_recordings(1, 1), [with_call(12.0, 8.0)], gate, FRAMES)
    (clip,) = clips.clips
    assert np.array_equal(clip.gate, gate_probabilities(gate, clip.features))
    (one,) = windows_of_clip(clip, clips, Choice.BEST_ONE)
    assert one * BIRD.hop / BIRD.rate < 8.0 < 8.5 < (one + FRAMES) * BIRD.hop / BIRD.rate
    # Where nothing is heard, nothing is taken: the third best window is left out.
    best = best_windows(clip.gate, clips.gate_cut, range(len(clip.features)), FRAMES)
    assert windows_of_clip(clip, clips, Choice.BEST) == best[:2]
    assert best[0] == one
    every = windows_of_clip(clip, clips, Choice.ALL)
    assert every == list(range(0, len(clip.features) - FRAMES + 1, 50))


class _Statistics:
    """The encoder as the monitor's code takes one."""

    frames = FRAMES

    @staticmethod
    def embed(windows: np.ndarray) -> np.ndarray:
        return unit_rows(log_mel_statistics(windows)).astype(np.float32)


def test_the_embedding_of_a_clip_is_that_of_enrollment(gate: Bundle) -> None:
    clips = clip_set(made_recordings(2, 1), [with_call(12.0, 8.0), with_call(2.0, 0.5, 1)], gate, FRAMES)
    rows = unit_rows(encode(clips, _Statistics.embed))
    for row, clip in zip(rows, clips.clips, strict=True):
        enrolled = embed_clip(clip.features, clip.gate, _Statistics(), clips.gate_cut)
        assert np.allclose(row, enrolled, atol=1e-6)


def test_one_pass_gives_every_choice(gate: Bundle) -> None:
    waveforms = [with_call(length, 1.0, i) for i, length in enumerate((3.0, 7.3, 12.0))]
    clips = clip_set(made_recordings(3, 1), waveforms, gate, FRAMES)
    together = window_embeddings(clips, log_mel_statistics, batch=3)
    for choice in Choice:
        alone = encode(clips, log_mel_statistics, str(choice))
        assert alone.shape == (3, 256)
        assert np.allclose(together.of(choice), alone)


def test_prepared_clips_come_from_the_cache(gate: Bundle, tmp_path: Path) -> None:
    recordings = made_recordings(2, 2)
    waveforms = {one.path: with_call(2.0 + i, 0.5, i) for i, one in enumerate(recordings)}
    flat = np.concatenate(list(waveforms.values()))
    ends = np.cumsum([len(one) for one in waveforms.values()])
    places = {p: (int(end) - len(w), len(w)) for (p, w), end in zip(waveforms.items(), ends, strict=True)}
    store = AudioStore("test", flat, places)
    first = prepare_clips(recordings, store, gate, FRAMES, tmp_path, print)
    empty = AudioStore("test", flat[:0], dict.fromkeys(places, (0, 0)))
    again = prepare_clips(recordings, empty, gate, FRAMES, tmp_path, print)
    plain = clip_set(recordings, waveforms.values(), gate, FRAMES)
    for one, other, third in zip(first.clips, again.clips, plain.clips, strict=True):
        assert np.array_equal(one.features, other.features)
        assert np.array_equal(one.features, third.features)
        assert np.array_equal(one.gate, other.gate)
        assert np.array_equal(one.gate, third.gate)
    # Other recordings or another window are other clips.
    assert prepare_clips(recordings[:2], store, gate, FRAMES, tmp_path, print).key != first.key
    assert prepare_clips(recordings, store, gate, FRAMES + 50, tmp_path, print).key != first.key


@needs_recordings
def test_real_recordings_are_told_apart_better_than_by_chance(gate: Bundle, tmp_path: Path) -> None:
    catalogued = load_catalog(DATA)
    held = recordings_of(catalogued, load_parts(catalogued), Part.VALIDATION)
    species = sorted({one.label for one in held})[:14]
    some = [one for one in held if one.label in species]
    quiet = {
        kind: [one for one in few if one.kind is Kind.ESC50 and one.label in ("rain",)]
        for kind, few in background(catalogued, Use.CHOOSING).items()
    }
    store = AudioStore.open(DATA, [*some, *(one for few in quiet.values() for one in few)], BIRD.rate, tmp_path, print)
    clips = prepare_clips(some, store, gate, FRAMES, tmp_path, print)
    base = encode(clips, log_mel_statistics, Choice.ALL)
    rows = encode(clips, standardised(log_mel_statistics, base))
    accuracy = EpisodeSet(clips.recordings, Protocol(5, 1), episodes=1_000, replicates=20).measure(rows).figure.accuracy
    assert accuracy.value > 0.25
    longer = inserted_clips(some[:4], store, quiet, gate, FRAMES, 10.0, tmp_path, print)
    assert {len(clip.features) for clip in longer.clips} == {BIRD.frames_in(30 * BIRD.rate)}
    again = inserted_clips(some[:4], store, quiet, gate, FRAMES, 10.0, tmp_path / "anew", print)
    assert all(np.array_equal(a.features, b.features) for a, b in zip(longer.clips, again.clips, strict=True))
