"""The demo's soundscape is the same every time, stays below full scale, and its truth is what one hears."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from monitor.audio.synthetic import DURATION_S, FAULT_START_S, GUSTS, Sounding, soundscape, soundscape_truth
from monitor.core.types import ENGINE_RATE

SEEDS = (0, 7)

FRAME = 2048


@lru_cache(maxsize=4)
def samples_of(seed: int) -> np.ndarray:
    return np.concatenate([block.samples for block in soundscape(seed).blocks()])


@lru_cache(maxsize=len(SEEDS))
def power_of(seed: int) -> np.ndarray:
    """Power by frame and bin, `(frames, FRAME // 2 + 1)`."""
    samples = samples_of(seed)
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1)) ** 2


def band_db(seed: int, start_s: float, end_s: float, low_hz: float, high_hz: float, share: float = 0.5) -> float:
    """Level in a band, dB of an arbitrary zero: the `share` quantile over the frames of the stretch."""
    power = power_of(seed)
    first, last = int(start_s * ENGINE_RATE / FRAME) + 1, int(end_s * ENGINE_RATE / FRAME)
    low, high = int(low_hz * FRAME / ENGINE_RATE), int(high_hz * FRAME / ENGINE_RATE)
    return float(10 * np.log10(np.quantile(power[first:last, low:high].sum(axis=1), share)))


def labelled(seed: int, label: str) -> list[Sounding]:
    return [sounding for sounding in soundscape_truth(seed) if sounding.label.startswith(label)]


def test_source_describes_itself() -> None:
    source = soundscape()
    assert (source.rate, source.length) == (ENGINE_RATE, DURATION_S * ENGINE_RATE)
    assert source.synthetic
    assert source.start_utc_ns is None
    assert source.non_finite == 0
    assert source.name


def test_blocks_are_contiguous_complete_and_the_same_again() -> None:
    samples = samples_of(0)
    expected = 0
    for block in soundscape(0).blocks():
        assert (block.start, block.rate, block.lost_before) == (expected, ENGINE_RATE, 0)
        assert np.array_equal(block.samples, samples[block.start : block.end])
        expected = block.end
    assert expected == DURATION_S * ENGINE_RATE
    assert soundscape_truth(0) == soundscape_truth(0)


def test_one_source_can_be_played_twice_at_once() -> None:
    source = soundscape(0)
    for once, again, _ in zip(source.blocks(), source.blocks(), range(9), strict=False):
        assert np.array_equal(once.samples, again.samples)


def test_another_seed_gives_another_soundscape() -> None:
    assert not np.array_equal(samples_of(0), samples_of(7))
    assert soundscape_truth(0) != soundscape_truth(7)


@pytest.mark.parametrize("seed", (*SEEDS, 12345))
def test_never_clipped_and_never_silent(seed: int) -> None:
    seconds = samples_of(seed).reshape(DURATION_S, ENGINE_RATE)
    assert np.isfinite(seconds).all()
    assert np.abs(seconds).max() < 0.9
    assert np.sqrt(np.mean(np.square(seconds, dtype=np.float64), axis=1)).min() > 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_truth_is_ordered_and_inside(seed: int) -> None:
    truth = soundscape_truth(seed)
    assert list(truth) == sorted(truth, key=lambda sounding: (sounding.start_s, sounding.label))
    assert all(0 <= sounding.start_s < sounding.end_s <= DURATION_S for sounding in truth)
    assert {sounding.label for sounding in truth} == {
        "bird two-note",
        "bird trill",
        "bird down-sweep",
        "bird warble",
        "wind",
        "machine",
        "bearing fault",
        "speech",
    }
    assert all(len(labelled(seed, motif)) >= 3 for motif in ("bird two-note", "bird trill", "bird down-sweep"))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_phrase_stands_out_and_nothing_else_does(seed: int) -> None:
    """Between 3.6 and 7.5 kHz: where the truth names a bird it is loud, where it names nothing it is calm."""
    calm = band_db(seed, 1, FAULT_START_S, 3600, 7500, 0.05)
    disturbed = [(start - 1, end + 1) for start, end, _ in GUSTS] + [(FAULT_START_S, DURATION_S)]
    for phrase in labelled(seed, "bird"):
        if not any(start < phrase.end_s and phrase.start_s < end for start, end in disturbed):
            assert band_db(seed, phrase.start_s, phrase.end_s, 3600, 7500, 0.9) > calm + 15, phrase
    # Reverberation lasts for up to 0.75 s after the phrase; consonants reach up into the band.
    singing = [(phrase.start_s, phrase.end_s + 0.8) for phrase in labelled(seed, "bird")]
    talking = [(talk.start_s, talk.end_s) for talk in labelled(seed, "speech")]
    quiet = [at for at in np.arange(1.0, FAULT_START_S, 0.25) if free(at, 0.25, [*disturbed, *singing, *talking])]
    assert len(quiet) > 20
    assert all(band_db(seed, at, at + 0.25, 3600, 7500, 1.0) < calm + 8 for at in quiet)


def free(at: float, length: float, stretches: list[tuple[float, float]]) -> bool:
    return not any(start < at + length and at < end for start, end in stretches)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_bird_sings_while_the_truth_says_so(seed: int) -> None:
    assert not any(phrase.start_s < 83 and phrase.end_s > 68 for phrase in labelled(seed, "bird"))
    singing = band_db(seed, 0.5, 1.2, 3500, 7000)
    assert band_db(seed, 73.5, 82.5, 4500, 8000, 1.0) < singing - 15


@pytest.mark.parametrize("seed", SEEDS)
def test_gusts_are_where_the_truth_says(seed: int) -> None:
    for start, end, _ in GUSTS:
        middle = (start + end) / 2
        calm = band_db(seed, 40.0, 43.5, 50, 150)
        assert band_db(seed, middle - 1, middle + 1, 50, 150) > calm + 3


@pytest.mark.parametrize("seed", SEEDS)
def test_speech_has_energy_below_3_khz_that_comes_and_goes(seed: int) -> None:
    (talk,) = labelled(seed, "speech")
    before = band_db(seed, talk.start_s - 4, talk.start_s, 600, 1800)
    assert band_db(seed, talk.start_s, talk.end_s, 600, 1800, 0.7) > before + 15
    levels = [band_db(seed, at, at + 0.25, 600, 1800) for at in np.arange(talk.start_s, talk.end_s - 0.3, 0.25)]
    assert max(levels) - min(levels) > 15


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bearing_gets_worse_in_its_resonances(seed: int) -> None:
    band = (2050, 2600)
    healthy = band_db(seed, 73.5, FAULT_START_S, *band)
    early = band_db(seed, 78, 82.5, *band)
    late = band_db(seed, 116.5, 120, *band)
    assert healthy + 6 < early
    assert early + 6 < late


@pytest.mark.parametrize("seed", SEEDS)
def test_the_machine_hums_at_the_mains_family(seed: int) -> None:
    stretch = samples_of(seed)[39 * ENGINE_RATE : 43 * ENGINE_RATE]
    power = np.abs(np.fft.rfft(stretch * np.hanning(len(stretch)))) ** 2
    at = round(199.2 * len(stretch) / ENGINE_RATE)
    assert power[at - 2 : at + 3].max() > 30 * np.median(power[at - 60 : at + 60])
