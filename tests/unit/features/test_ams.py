"""Amplitude-modulation features: what they measure, and that a stream and a recording give the same bits."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from monitor.core.types import AudioBlock
from monitor.features.ams import AmsFrontend, ams_of
from monitor.features.ams_spec import AMS_PLAIN, AmsSpec

RATE = AMS_PLAIN.rate


def tone(hertz: float, seconds: float, *, beat_hz: float = 0.0, depth: float = 0.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return ((1.0 + depth * np.sin(2 * np.pi * beat_hz * time)) * np.sin(2 * np.pi * hertz * time) / (1 + depth)).astype(
        np.float32
    )


@pytest.mark.parametrize(("hertz", "band"), [(220.0, 0), (1_000.0, 1), (4_000.0, 2)])
def test_a_tone_is_heard_in_its_audio_band(hertz: float, band: int) -> None:
    values = ams_of(tone(hertz, 4.0), AMS_PLAIN).reshape(-1, 3, 3)
    means = values[1, :, 0]
    assert int(means.argmax()) == band
    # The mean of |sin| is 2/pi: -3.9 dB; the order of the filter costs little in the middle of a band.
    assert means[band] == pytest.approx(20 * np.log10(2 / np.pi), abs=0.7)
    assert np.sort(means)[1] < means[band] - 12


@pytest.mark.parametrize(("beat_hz", "band"), [(0.7, 0), (4.0, 1), (16.0, 2)])
def test_a_beat_is_heard_in_its_modulation_band(beat_hz: float, band: int) -> None:
    steady, beating = (
        ams_of(tone(1_000.0, 6.0, beat_hz=beat_hz, depth=d), AMS_PLAIN).reshape(-1, 3, 3) for d in (0, 1)
    )
    relative = beating[1:, 1] - beating[1:, 1, :1]
    if band:
        assert int(relative[:, 1:].mean(axis=0).argmax()) + 1 == band
        assert relative[:, band].mean() > -12
        assert (beating[1:, 1, band] - steady[1:, 1, band]).min() > 30
    else:
        assert relative[:, 1:].max() < -6


def test_a_gain_moves_every_value_alike() -> None:
    sound = np.random.default_rng(1).standard_normal(4 * RATE).astype(np.float32) * 0.1
    assert np.allclose(ams_of(sound, AMS_PLAIN) - ams_of(sound * 0.1, AMS_PLAIN), 20.0, atol=1e-3)
    powers = replace(AMS_PLAIN, envelope="power")
    assert np.allclose(ams_of(sound, powers) - ams_of(sound * 0.1, powers), 20.0, atol=1e-3)


def test_silence_is_the_floor_and_stays_so_after_sound() -> None:
    values = ams_of(np.concatenate([tone(1_000.0, 2.0), np.zeros(20 * RATE, dtype=np.float32)]), AMS_PLAIN)
    assert np.allclose(values[-1], -120.0, atol=0.1)


def test_the_onset_of_a_recording_does_not_ring() -> None:
    """A steady tone has no modulation, from its first frame on."""
    values = ams_of(tone(1_000.0, 4.0), AMS_PLAIN).reshape(-1, 3, 3)
    assert values[0, 1, 1] < values[0, 1, 0] - 35


@pytest.mark.parametrize("size", [1_601, 7_999, 32_000, 200_000])
def test_a_stream_gives_the_bits_of_the_recording(size: int) -> None:
    sound = np.random.default_rng(2).standard_normal(5 * RATE).astype(np.float32)
    stage = AmsFrontend(AMS_PLAIN)
    rows = [
        block.values
        for start in range(0, len(sound), size)
        for block in stage.push(AudioBlock(sound[start : start + size], start, RATE))
    ]
    assert np.concatenate(rows).tobytes() == ams_of(sound, AMS_PLAIN).tobytes()


def test_after_a_gap_frames_begin_at_the_next_grid_point_with_fresh_filters() -> None:
    sound = np.random.default_rng(3).standard_normal(7 * RATE).astype(np.float32)
    stage = AmsFrontend(AMS_PLAIN)
    stage.push(AudioBlock(sound, 0, RATE))
    at = 30_000 * 3
    stage.reset(at)
    (block,) = stage.push(AudioBlock(sound, 30_000, RATE))
    assert block.first_frame == 1
    assert block.values.tobytes() == ams_of(sound[2_000:], AMS_PLAIN).tobytes()


def test_a_spec_survives_json_and_its_name_is_no_part_of_it() -> None:
    again = AmsSpec.from_dict(json.loads(json.dumps(AMS_PLAIN.to_dict())))
    assert again == AMS_PLAIN
    assert replace(AMS_PLAIN, name="other").fingerprint == AMS_PLAIN.fingerprint
    assert replace(AMS_PLAIN, envelope="power").fingerprint != AMS_PLAIN.fingerprint
    assert AMS_PLAIN.bands == 9
    assert AMS_PLAIN.samples_in(5) == 10 * RATE


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("audio_high_hz", (500.0, 2_000.0), "lower and"),
        ("audio_high_hz", (500.0, 2_000.0, 8_000.0), "high < 8000"),
        ("audio_low_hz", (0.0, 500.0, 2_000.0), "0 < low"),
        ("modulation_high_hz", (2.0, float("nan"), 32.0), "list of numbers"),
        ("hop", 32_001, "no multiple"),
        ("decimation", 0, "above 0"),
        ("floor", 0.0, "above 0"),
        ("envelope", "hilbert", "magnitude, power"),
    ],
)
def test_numbers_that_do_not_fit_are_named(key: str, value: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        AmsSpec.from_dict(AMS_PLAIN.to_dict() | {key: value})


def test_unknown_and_missing_keys_are_named() -> None:
    values = AMS_PLAIN.to_dict() | {"fft": 512}
    del values["hop"]
    with pytest.raises(ValueError, match="unknown key 'fft'; missing key 'hop'"):
        AmsSpec.from_dict(values)


def test_the_command_line_does_not_wait_for_scipy() -> None:
    script = "import sys, monitor.cli, monitor.features.ams; print('scipy' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
