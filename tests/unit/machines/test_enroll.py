"""What an enrollment learns of a machine that a program makes, and which clips it refuses or warns of."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.errors import StartError, UsageError
from monitor.machines.enroll import fit_profile
from monitor.machines.options import Options
from monitor.machines.sounds import RATE, Sound, heard_sound, read_sound
from monitor.machines.window import clip_windows
from tests.helpers.machines import fan, fan_profile


def sounds(count: int, seconds: float = 6.0, first: int = 0) -> list[Sound]:
    return [heard_sound(fan(seconds, seed), RATE, f"fan-{seed}.wav") for seed in range(first, first + count)]


def enroll(source: list[Sound], target: list[Sound] | None = None, options: Options | None = None):
    return fit_profile("fan-1", source, target or [], None, options or Options(), 7)


def test_a_fault_is_told_from_what_was_not_heard_before():
    profile = fan_profile()
    well = [profile.score_clip(clip_windows(fan(10.0, seed))) for seed in range(100, 106)]
    ill = [profile.score_clip(clip_windows(fan(10.0, seed, squeal=0.02))) for seed in range(100, 106)]
    assert max(one.score for one in well) < min(one.score for one in ill)
    assert all(one.percentile > 0.99 and one.alarm for one in ill)
    assert not any(one.alarm for one in well)
    assert all(
        any(band.low_hz < 2_700 < band.high_hz and band.difference_db > 0 for band in one.deviating_bands)
        for one in ill
    )
    assert all(one.domain_probability is None for one in well)


def test_an_enrolled_clip_is_its_own_nearest_normal():
    profile = fan_profile()
    assert [profile.score_clip(clip_windows(fan(10.0, seed))).nearest_clip for seed in range(5)] == [0, 1, 2, 3, 4]


def test_a_change_of_level_is_heard():
    profile = fan_profile()
    usual, loud = (profile.score_clip(clip_windows(np.float32(gain) * fan(10.0, 50))).score for gain in (1.0, 8.0))
    assert loud > usual + 2.0


def test_a_target_domain_is_known_from_few_clips():
    target = [heard_sound(fan(6.0, seed, speed=1.3), RATE, f"fast-{seed}.wav") for seed in range(4)]
    profile = enroll(sounds(10), target)
    slow = profile.score_clip(clip_windows(fan(6.0, 60)))
    fast = profile.score_clip(clip_windows(fan(6.0, 60, speed=1.3)))
    faulty = profile.score_clip(clip_windows(fan(6.0, 60, speed=1.3, squeal=0.03)))
    assert max(slow.score, fast.score) < faulty.score - 1.0
    assert slow.domain_probability is not None and fast.domain_probability is not None
    assert slow.domain_probability < 0.5 < fast.domain_probability


@pytest.mark.parametrize("detectors", [("lof",), ("gmm",), ("knn", "lof", "gmm")])
def test_every_detector_tells_the_fault(detectors: tuple):
    profile = enroll(sounds(10), options=Options(detectors))
    well, ill = (profile.score_clip(clip_windows(fan(6.0, 70, squeal=level))).score for level in (0.0, 0.03))
    assert ill > well + 1.0
    assert len(profile.scorers) == 2 * len(detectors)


def test_one_long_clip_is_enough_to_learn_from():
    profile = enroll(sounds(1, 60.0))
    assert profile.context == 8
    later = fan(75.0, 0)[65 * RATE :]
    squeal = fan(10.0, 0, squeal=0.03) - fan(10.0, 0)
    well, ill = (profile.score_clip(clip_windows(later + extra)) for extra in (np.float32(0.0), squeal))
    assert (well.alarm, ill.alarm) == (False, True)


def test_few_clips_fall_back_and_say_so():
    profile = enroll(sounds(4, 2.2), options=Options(neighbours=8))
    assert any("learnt from only 4 stretches" in note for note in profile.notes)
    assert any("knn: 4 instead of 8 neighbours" in note for note in profile.notes)


def test_everything_that_is_wrong_is_told_at_once():
    twice = sounds(1)
    with pytest.raises(StartError) as raised:
        fit_profile(" ", [*twice, *twice], [], None, Options(("knn", "knn"), false_alarms_a_week=0.0), 0)
    told = str(raised.value)
    for part in ("is empty", "same audio", "knn, knn is no choice", "is no rate"):
        assert part in told
    with pytest.raises(UsageError, match="no source clip"):
        enroll([])


def test_too_little_is_refused_with_what_is_needed():
    with pytest.raises(UsageError, match="3 are needed"):
        enroll(sounds(2, 2.0))


def test_clips_are_refused_or_warned_of():
    with pytest.raises(UsageError, match="silent"):
        heard_sound(np.zeros(RATE, np.float32), RATE, "off.wav")
    with pytest.raises(UsageError, match="100 ms long"):
        heard_sound(fan(0.1, 0), RATE, "click.wav")
    narrow = heard_sound(fan(1.0, 0)[::2].copy(), 8_000, "narrow.wav")
    assert any("nothing above 4000 Hz" in warning for warning in narrow.warnings())
    assert any("repeated to fill" in warning for warning in narrow.warnings())
    loud = heard_sound(np.clip(200.0 * fan(3.0, 0), -1.0, 1.0), RATE, "loud.wav")
    assert any("clipped" in warning for warning in loud.warnings())
    mixed = enroll([*sounds(9), heard_sound(fan(6.0, 20)[::2].copy(), 8_000, "narrow.wav")])
    assert any("1 at 8000 Hz, 9 at 16000 Hz" in note for note in mixed.notes)


def test_a_recording_is_heard_on_the_monitors_path(tmp_path):
    import soundfile

    wave = fan(3.0, 0)
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    heard = read_sound(tmp_path / "a.wav")
    assert len(heard.samples) == len(wave)
    # Through 48 kHz and back: the same but for the top of the band.
    assert np.corrcoef(heard.samples, wave)[0, 1] > 0.9
    assert heard.reference.sha256 == read_sound(tmp_path / "a.wav").reference.sha256
