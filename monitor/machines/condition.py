"""What is no anomaly but a state: machine off, starting, at another speed, or a microphone that was knocked or covered.

Each rule compares a window with the machine's usual sound, in decibels, so that it can be told in a sentence. What none
of them explains is left to the detectors.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from monitor.core.machine_readings import MachineState
from monitor.machines.evidence import GROUP_EDGES

if TYPE_CHECKING:
    from monitor.features.filterbank import Float64Array
    from monitor.machines.window import MachineWindow

OFF_DB = 12.0
"""Below the normals' level by so much, a machine counts as off."""

STARTING_WINDOWS = 3
"""Windows, about as many seconds, that a machine which was off counts as starting."""

DEAD_DB = -110.0
"""Level below which no microphone is: it gives nothing."""

CLIPPED = 0.99
"""Absolute sample from which on it counts as clipped."""

KNOCK_SAMPLES = 3
"""Clipped samples of a knock."""

KNOCK_DB = 25.0
"""Above the normals' level, a frame that loud is no machine's."""

KNOCK_SHARE = 0.35
"""Share of a window's frames that a knock touches at most: a frame is 128 ms, sixteen hops long."""

KNOCK_RISE_DB = 12.0
"""Above the window's own median frame, a frame counts to the knock."""

HIGH_HZ, LOW_HZ = 2_000.0, 1_000.0
"""Above the one, a hand over a microphone takes most; below the other, least."""

COVERED_DB = 12.0
"""Loss above `HIGH_HZ` of a covered microphone."""

UNCOVERED_DB = 6.0
"""Loss at which it counts as free again; and by how much more is lost above than below."""

SUDDEN_WINDOWS = 5
"""Windows within which the loss must have come: what fades is no hand over a microphone."""

SPEEDS = 24
"""Steps of 1/24 octave, each way, within which another speed is looked for: half to double."""

SAME_SHAPE = 0.8
"""Correlation of two spectra from which on they are the same shape."""

GAINED = 0.3
"""By how much more a shifted spectrum must fit than the one that is not."""

_OCTAVES = np.arange(np.log2(100.0), np.log2(6_000.0), 1.0 / SPEEDS)
"""Log-frequency grid, octaves."""


class Condition(NamedTuple):
    """What is known of a machine besides its score."""

    state: MachineState
    detail: str = ""
    """Why, in the user's words; empty where it is ready."""


READY = Condition(MachineState.READY)


@dataclass(frozen=True, slots=True, eq=False)
class UsualSound:
    """What a machine's normals are like."""

    gain_db: float
    """Added to a level, gives dB against the normals' mean level."""
    groups_db: Float64Array
    """float64 `(domains, GROUPS)`: means of their bands' medians over time, `gain_db` added."""


class ConditionJudge:
    """Looks at the windows of one machine, one after the other, before they are scored."""

    def __init__(self, usual: UsualSound) -> None:
        self._usual = usual
        self._high = GROUP_EDGES[:-1] >= HIGH_HZ
        self._low = GROUP_EDGES[1:] <= LOW_HZ
        self._shapes = [_shape(groups) for groups in usual.groups_db]
        self.reset()

    def judge(self, window: MachineWindow) -> Condition:
        """The state that a window shows; `ready` where a score says something."""
        wave = window.wave.astype(np.float64)
        level = 20.0 * float(np.log10(max(float(np.std(wave)), 1e-9)))
        if level < DEAD_DB:
            return Condition(MachineState.FAULT, "the microphone gives nothing")
        groups = _medians(window) + self._usual.gain_db
        knocked = self._knocked(window, wave)
        if knocked:
            return Condition(MachineState.FAULT, knocked)
        if self._is_covered(groups):
            return Condition(MachineState.FAULT, "high frequencies vanished at once: is the microphone covered?")
        against = level + self._usual.gain_db
        if against < -OFF_DB:
            self._since_off = 0
            return Condition(MachineState.OFF, f"{-against:.0f} dB below its normals")
        if self._since_off < STARTING_WINDOWS:
            self._since_off += 1
            return Condition(MachineState.STARTING, "it was off until a moment ago")
        moved = self._moved(groups)
        if moved:
            return Condition(MachineState.CHANGED_SPEED, moved)
        return READY

    def reset(self) -> None:
        """Forget everything; a machine that runs from the beginning is not starting."""
        self._since_off = STARTING_WINDOWS
        self._losses: deque[float] = deque(maxlen=SUDDEN_WINDOWS)
        self._covered = False

    def _knocked(self, window: MachineWindow, wave: Float64Array) -> str:
        """Why it is a knock: a burst that clips, or is far louder than the machine, and short."""
        clipped = int((np.abs(wave) >= CLIPPED).sum())
        frames = 10.0 * np.log10(np.power(10.0, window.values.astype(np.float64) / 10.0).sum(axis=1))
        # A frame is dB against a full-scale sine, summed over overlapping bands: set on the level's own scale first.
        rise = frames - np.median(frames)
        if float((rise > KNOCK_RISE_DB).mean()) > KNOCK_SHARE or rise.max() < KNOCK_RISE_DB:
            return ""
        if clipped >= KNOCK_SAMPLES:
            return f"a burst that clips ({clipped} samples): was the microphone knocked?"
        loudest = float(np.sqrt(np.convolve(wave**2, np.full(1024, 1 / 1024), "valid").max()))
        above = 20.0 * np.log10(max(loudest, 1e-9)) + self._usual.gain_db
        return f"a burst {above:.0f} dB above its normals: was the microphone knocked?" if above > KNOCK_DB else ""

    def _is_covered(self, groups: Float64Array) -> bool:
        """Whether the high bands fell within the newest windows and have not come back."""
        apart = groups - self._usual.groups_db
        nearest = apart[int(np.argmin(np.median(np.abs(apart), axis=1)))]
        loss, low_loss = -float(np.median(nearest[self._high])), -float(np.median(nearest[self._low]))
        if self._covered:
            self._covered = loss > UNCOVERED_DB
        else:
            sudden = bool(self._losses) and min(self._losses) < loss - COVERED_DB + 1.0
            # Where the low bands are gone too, the machine is off.
            one_sided = low_loss < OFF_DB and loss - low_loss > UNCOVERED_DB
            self._covered = sudden and loss > COVERED_DB and one_sided
        if not self._covered:
            self._losses.append(loss)
        return self._covered

    def _moved(self, groups: Float64Array) -> str:
        """By how much its lines moved, where they did so together and the shape stayed."""
        shape = _shape(groups)
        stays = max(_correlation(shape, usual) for usual in self._shapes)
        if stays > SAME_SHAPE - GAINED:
            return ""
        best, at = max(
            (_correlation_moved(shape, usual, steps), steps)
            for usual in self._shapes
            for steps in range(-SPEEDS, SPEEDS + 1)
            if steps
        )
        if best < SAME_SHAPE or best < stays + GAINED:
            return ""
        return f"the same sound at about {2.0 ** (at / SPEEDS):.2f} times the usual speed"


def _medians(window: MachineWindow) -> Float64Array:
    """float64 `(GROUPS,)` dB: of each group of bands, over time."""
    groups: Float64Array = window.values.astype(np.float64).reshape(len(window.values), len(GROUP_EDGES) - 1, -1)
    return np.asarray(np.median(groups.mean(axis=2), axis=0), dtype=np.float64)


def _shape(groups_db: Float64Array) -> Float64Array:
    """Lines that stand out of a spectrum, over log frequency: its broad slope is taken off."""
    centres = np.log2(np.sqrt(GROUP_EDGES[:-1] * GROUP_EDGES[1:]))
    spectrum = np.interp(_OCTAVES, centres, groups_db)
    width = SPEEDS
    padded = np.pad(spectrum, width, mode="edge")
    broad = np.convolve(padded, np.full(2 * width + 1, 1.0 / (2 * width + 1)), "valid")
    return spectrum - broad


def _correlation(one: Float64Array, other: Float64Array) -> float:
    one, other = one - one.mean(), other - other.mean()
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths > 0.0 else 0.0


def _correlation_moved(shape: Float64Array, usual: Float64Array, steps: int) -> float:
    """Correlation with the usual shape moved up by `steps` of 1/24 octave, over what both have."""
    if steps > 0:
        return _correlation(shape[steps:], usual[:-steps])
    return _correlation(shape[:steps], usual[-steps:])
