"""What is a state and no anomaly: on real machines, and on what was done to their sound."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
import soundfile
from scipy import signal

from monitor.core.machine_readings import MachineState
from monitor.machines.condition import STARTING_WINDOWS, ConditionJudge, UsualSound
from monitor.machines.evidence import GROUP_EDGES
from monitor.machines.window import clip_windows
from tests.helpers.recordings import DATA, needs_recordings

RATE = 16_000
RNG_SEED = 5


def medians(samples: np.ndarray) -> np.ndarray:
    groups = len(GROUP_EDGES) - 1
    return np.stack(
        [np.median(w.values.reshape(len(w.values), groups, -1).mean(axis=2), axis=0) for w in clip_windows(samples)]
    )


def usual(clips: list[np.ndarray]) -> UsualSound:
    """As an enrollment of one domain learns it."""
    gain = -20.0 * np.log10(np.mean([clip.std() for clip in clips]))
    return UsualSound(float(gain), np.concatenate([medians(clip) for clip in clips]).mean(axis=0)[None] + gain)


def states(judge: ConditionJudge, samples: np.ndarray) -> list[MachineState]:
    return [judge.judge(window).state for window in clip_windows(np.asarray(samples, np.float32))]


def machine(seconds: float, speed: float = 1.0, seed: int = RNG_SEED) -> np.ndarray:
    """Lines at multiples of a rotation, over broad noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    lines = sum(
        0.02 / order**0.5 * np.sin(2 * np.pi * 240.0 * speed * order * time + order) for order in (1, 2, 3, 5, 7)
    )
    return (lines + 0.003 * rng.standard_normal(len(time))).astype(np.float32)


@cache
def real(kind: str, count: int = 6) -> tuple[np.ndarray, ...]:
    files = sorted((DATA / "machines" / kind / "train").glob("*source*"))[:count]
    return tuple(soundfile.read(file, dtype="float32")[0] for file in files)


@needs_recordings
@pytest.mark.parametrize("kind", ["valve", "fan"])
@pytest.mark.parametrize("what", ["normal", "anomaly"])
def test_no_real_clip_is_explained_away(kind: str, what: str) -> None:
    judge = ConditionJudge(usual(list(real(kind))))
    found: Counter[MachineState] = Counter()
    for file in sorted((DATA / "machines" / kind / "test").glob(f"*_{what}_*"))[::4]:
        judge.reset()
        found.update(states(judge, soundfile.read(file, dtype="float32")[0]))
    assert set(found) == {MachineState.READY}


@needs_recordings
@pytest.mark.parametrize("kind", ["valve", "fan"])
def test_a_machine_that_goes_off_and_on_again(kind: str) -> None:
    clip = real(kind)[0]
    heard = np.concatenate([clip, clip * 0.05, clip])
    found = states(ConditionJudge(usual(list(real(kind)))), heard)
    assert MachineState.OFF in found
    first_off = found.index(MachineState.OFF)
    last_off = len(found) - 1 - found[::-1].index(MachineState.OFF)
    assert set(found[:first_off]) == {MachineState.READY}
    assert found[last_off + 1 : last_off + 1 + STARTING_WINDOWS] == [MachineState.STARTING] * STARTING_WINDOWS
    assert found[-1] is MachineState.READY


@needs_recordings
@pytest.mark.parametrize("kind", ["valve", "fan"])
def test_a_knock_and_a_hand_over_the_microphone_are_faults(kind: str) -> None:
    clip = real(kind)[0]
    knocked = clip.copy()
    at = len(clip) // 2
    knocked[at : at + 400] = np.sign(np.sin(np.arange(400) / 7.0))
    found = states(ConditionJudge(usual(list(real(kind)))), knocked)
    assert MachineState.FAULT in found
    assert Counter(found)[MachineState.FAULT] <= 3, "a knock is short"
    muffled = signal.sosfilt(signal.butter(4, 600.0, fs=RATE, output="sos"), clip)
    covered = np.concatenate([clip, muffled, clip])
    found = states(ConditionJudge(usual(list(real(kind)))), covered)
    assert Counter(found)[MachineState.FAULT] >= 5
    assert found[0] is MachineState.READY
    assert found[-1] is MachineState.READY


def test_another_speed_is_told_with_its_factor() -> None:
    judge = ConditionJudge(usual([machine(10.0)]))
    assert set(states(judge, machine(10.0, seed=9))) == {MachineState.READY}
    for speed in (0.75, 1.3):
        judge.reset()
        windows = clip_windows(machine(10.0, speed, seed=9))
        conditions = [judge.judge(window) for window in windows]
        assert {one.state for one in conditions} == {MachineState.CHANGED_SPEED}
        told = float(conditions[0].detail.split("about ")[1].split()[0])
        assert told == pytest.approx(speed, rel=0.06)


def test_a_new_line_is_no_other_speed_and_lasting_loudness_no_knock() -> None:
    judge = ConditionJudge(usual([machine(10.0)]))
    squeal = 0.05 * np.sin(2 * np.pi * 3100.0 * np.arange(10 * RATE) / RATE)
    assert set(states(judge, machine(10.0, seed=9) + squeal)) == {MachineState.READY}
    judge.reset()
    grinding = np.clip(40.0 * machine(10.0, seed=9), -1.0, 1.0)
    assert set(states(judge, grinding)) == {MachineState.READY}


def test_a_microphone_that_gives_nothing_is_a_fault() -> None:
    judge = ConditionJudge(usual([machine(10.0)]))
    assert set(states(judge, np.zeros(5 * RATE))) == {MachineState.FAULT}


def test_loss_that_comes_slowly_is_left_to_the_detectors() -> None:
    clip = machine(60.0)
    low = signal.sosfilt(signal.butter(4, 600.0, fs=RATE, output="sos"), clip)
    share = np.linspace(0.0, 1.0, len(clip))
    fading = low + (clip - low) * 10.0 ** (-40.0 * share / 20.0)
    found = states(ConditionJudge(usual([machine(10.0)])), fading)
    assert MachineState.FAULT not in found
