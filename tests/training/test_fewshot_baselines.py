from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from monitor.errors import UsageError
from monitor.features.spec import BIRD
from monitor.inference.bundle import load_bundle
from tests.helpers.clips import made_recordings
from tests.helpers.recordings import DATA, needs_recordings
from tests.helpers.tiny_bundle import call, make_gate_bundle
from training.data.catalog import Kind, Recording, load_catalog
from training.fewshot.background import ESC50_ANIMALS, Use, background
from training.fewshot.baselines import (
    ImportedModel,
    cnn14,
    followed_by,
    imported_embeddings,
    log_mel_statistics,
    random_mobilenet,
    standardised,
)
from training.fewshot.clips import clip_set
from training.fewshot.embeddings import Choice

if TYPE_CHECKING:
    from pathlib import Path


def windows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(-50.0, 8.0, (count, 147, 128)).astype(np.float32)


def test_statistics_are_mean_and_deviation() -> None:
    some = windows(3)
    rows = log_mel_statistics(some)
    assert rows.shape == (3, 256)
    assert rows[1, 5] == pytest.approx(some[1, :, 5].mean(), abs=1e-4)
    assert rows[2, 128 + 7] == pytest.approx(some[2, :, 7].std(), abs=1e-4)


def test_encoders_are_put_together() -> None:
    base = log_mel_statistics(windows(40))
    encoder = standardised(log_mel_statistics, base)
    again = encoder(windows(40))
    assert np.allclose(again.mean(axis=0), 0.0, atol=1e-6)
    assert np.allclose(again.std(axis=0), 1.0, atol=1e-6)
    half = followed_by(encoder, lambda rows: rows[:, ::2])
    assert np.allclose(half(windows(3)), encoder(windows(3))[:, ::2])


def test_a_random_network_is_fixed_by_its_seed_and_does_not_mix_windows() -> None:
    before = torch.random.get_rng_state()
    encoder = random_mobilenet(0, windows(8, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    some = windows(3)
    rows = encoder(some)
    assert rows.shape == (3, 960)
    assert np.isfinite(rows).all()
    assert rows.std(axis=0).mean() > 1e-3
    assert np.allclose(encoder(some[1:2])[0], rows[1], atol=1e-4)
    assert np.allclose(random_mobilenet(0, windows(8, 1))(some), rows, atol=1e-5)
    assert not np.allclose(random_mobilenet(1, windows(8, 1))(some), rows, atol=1e-3)


def test_an_imported_model_hears_the_same_windows_at_its_own_rate(tmp_path: Path) -> None:
    gate = load_bundle(make_gate_bundle(tmp_path))
    recordings = made_recordings(2, 1)
    sounds = {}
    for recording, length in zip(recordings, (9.0, 1.0), strict=True):
        at = {}
        for rate in (BIRD.rate, 48_000):
            sound = np.zeros(round(length * rate), dtype=np.float32)
            start = round((length - 1.0) * 0.8 * rate)
            sound[start : start + rate] = call(4_100.0, 1.0, rate=rate)[: len(sound) - start]
            at[rate] = sound
        sounds[recording.path] = at
    clips = clip_set(recordings, [at[BIRD.rate] for at in sounds.values()], gate, 147)
    heard: list[np.ndarray] = []

    def embed(some: np.ndarray) -> np.ndarray:
        heard.append(some)
        return np.stack([some.std(axis=1), np.ones(len(some))], axis=1)

    model = ImportedModel("loudness", 48_000, 144_000, embed)
    waveforms = {path: at[48_000] for path, at in sounds.items()}
    rows = imported_embeddings(model, clips, BIRD, waveforms, Choice.BEST_ONE)
    assert rows.shape == (2, 2)
    assert [some.shape for some in heard] == [(1, 144_000)] * 2
    # The call at 6.4 s lies inside; the clip of one second is heard three times.
    assert np.abs(heard[0]).sum() == pytest.approx(np.abs(waveforms[recordings[0].path]).sum(), rel=1e-3)
    assert np.array_equal(heard[1][0], np.tile(waveforms[recordings[1].path], 3))


def test_what_is_no_checkpoint_of_cnn14_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        cnn14(tmp_path / "Cnn14.pth")
    (tmp_path / "Cnn14.pth").write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be read"):
        cnn14(tmp_path / "Cnn14.pth")


def listed(number: int, fold: int, label: str, source: str) -> Recording:
    return Recording(f"esc50/{number}.ogg", Kind.ESC50, label, "", (f"freesound:{source}",), fold)


def test_backgrounds_share_no_source() -> None:
    recordings = [
        listed(0, 1, "rain", "a"),
        listed(1, 3, "rain", "b"),
        listed(2, 4, "rain", "b"),
        listed(3, 4, "rain", "c"),
        listed(4, 4, "rain", "a"),
        listed(5, 4, "crow", "d"),
        listed(6, 4, "cat", "e"),
        listed(7, 2, "cat", "f"),
        Recording("speech/1.ogg", Kind.SPEECH, "", "", ("speaker:1",)),
    ]
    paths = {
        use: {kind: [one.path for one in some] for kind, some in background(recordings, use).items()} for use in Use
    }
    assert paths[Use.COHORT] == {"ESC-50 without birds": ["esc50/0.ogg", "esc50/7.ogg"]}
    assert paths[Use.CHOOSING] == {"ESC-50 without animals": ["esc50/1.ogg"]}
    assert paths[Use.TEST] == {"ESC-50 without animals": ["esc50/3.ogg"], "speech": ["speech/1.ogg"]}


@needs_recordings
def test_real_backgrounds_are_apart() -> None:
    recordings = load_catalog(DATA)
    chosen = {use: [one for some in background(recordings, use).values() for one in some] for use in Use}
    for one, other in ((Use.COHORT, Use.CHOOSING), (Use.COHORT, Use.TEST), (Use.CHOOSING, Use.TEST)):
        assert not {g for r in chosen[one] for g in r.groups} & {g for r in chosen[other] for g in r.groups}
    assert {one.label for one in chosen[Use.TEST] if one.kind is Kind.ESC50}.isdisjoint(ESC50_ANIMALS)
    assert set(background(recordings, Use.TEST)) == {
        "ESC-50 without animals", "machines", "office", "speech", "street", "vehicle",
    }  # fmt: skip
