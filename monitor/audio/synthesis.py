"""How the demo's sounds are made: syllables, wind, a machine and voices, in plain numpy.

Everything takes a random generator or a seed and gives the same samples every time. Amplitudes are full scale +-1,
times are engine samples, frequencies Hz.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.types import ENGINE_RATE as RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    ComplexArray = NDArray[np.complex128]

BLOCK = RATE
"""Samples of a rendered block: one second."""

MAINS_HZ = 49.8

HUM_PARTIALS = (0.32, 0.5, 0.16, 0.22, 0.0, 0.12, 0.0, 0.07, 0.0, 0.0, 0.0, 0.04)
"""Amplitudes of the machine's partials at once, twice, three times ... the mains frequency."""


@dataclass(frozen=True, slots=True)
class Syllable:
    """One note of a bird."""

    start_s: float
    """Within the phrase."""
    length_s: float
    pitch_hz: tuple[float, ...]
    """Points of the sweep, evenly spread over the note, joined smoothly."""
    level: float = 1.0
    """0..1 within the phrase."""
    harmonics: tuple[float, ...] = (0.05, 0.015)
    """Amplitudes of the second, third ... partial, relative to the first."""
    vibrato_hz: float = 0.0
    """Rate of a frequency modulation of 4 %; 0 for none."""


def sing(syllables: Sequence[Syllable]) -> FloatArray:
    """The phrase, float64 `(n,)`, peak 1."""
    end = max(note.start_s + note.length_s for note in syllables)
    phrase = np.zeros(round(end * RATE) + 1)
    for note in syllables:
        first = round(note.start_s * RATE)
        sound = _syllable(note)
        phrase[first : first + len(sound)] += sound[: len(phrase) - first]
    return phrase / np.abs(phrase).max()


def _syllable(note: Syllable) -> FloatArray:
    count = max(2, round(note.length_s * RATE))
    at = np.arange(count) / count
    pitch = _smooth(at, note.pitch_hz)
    if note.vibrato_hz:
        pitch = pitch * (1 + 0.04 * np.sin(2 * np.pi * note.vibrato_hz * at * note.length_s))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = np.sin(phase)
    for number, amplitude in enumerate(note.harmonics, start=2):
        sound += amplitude * np.sin(number * phase) * (number * pitch < 0.45 * RATE)
    # A quick but rounded attack and a slow release, as a syrinx closes.
    envelope = np.minimum(1.0, at / 0.18) ** 2 * np.minimum(1.0, (1 - at) / 0.45) ** 1.5
    return note.level * envelope * sound


def _smooth(at: FloatArray, points: Sequence[float]) -> FloatArray:
    """The points joined by half-cosines, at places `at` in 0..1."""
    place = at * (len(points) - 1)
    left = np.minimum(place.astype(np.int64), max(0, len(points) - 2))
    values = np.asarray([*points, points[-1]])
    share = (1 - np.cos(np.pi * (place - left))) / 2
    return values[left] * (1 - share) + values[left + 1] * share


def from_afar(dry: FloatArray, distance: float, rng: np.random.Generator) -> FloatArray:
    """The sound as heard at `distance` 0 (near) .. 1 (far): air takes the high notes, leaves and trunks reverberate.

    Longer than `dry` by the tail of the reverberation.
    """
    tail = round((0.25 + 0.5 * distance) * RATE)
    echo = rng.standard_normal(tail) * np.exp(-6.9 * np.arange(tail) / tail)
    echo[: round(0.006 * RATE)] = 0.0
    # Energy of the tail against the direct sound: -24 dB near, -8 dB far.
    echo *= 10 ** ((-24 + 16 * distance) / 20) / np.sqrt(np.sum(echo**2))
    echo[0] = 1.0
    length = len(dry) + tail
    size = 1 << (length - 1).bit_length()
    frequency = frequencies(size)
    air = 10 ** (-(6 * distance) * (frequency / 8000) ** 2 / 20)
    return np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(echo, size) * np.maximum(air, 1e-3), size)[:length]


def frequencies(count: int) -> FloatArray:
    """Of the bins of a real transform over `count` samples, Hz."""
    return np.fft.rfftfreq(count, 1 / RATE).astype(np.float64)


class Noise:
    """Gaussian noise with a given spectrum, endless, and the same wherever one begins to listen.

    Frames of two seconds overlap by half under a sine window, so that power stays even.
    """

    def __init__(self, seed: Sequence[int], gain: Callable[[FloatArray], FloatArray]) -> None:
        self._seed = tuple(seed)
        shape = gain(frequencies(2 * BLOCK))
        # Unit root mean square after shaping.
        self._shape = shape / np.sqrt(np.sum(shape**2) / (len(shape) - 1))
        self._window = np.sin(np.pi * (np.arange(2 * BLOCK) + 0.5) / (2 * BLOCK))
        self._frame = lru_cache(maxsize=2)(self._make_frame)

    def block(self, number: int) -> FloatArray:
        """Second `number`, float64 `(BLOCK,)`, root mean square about 1."""
        return self._frame(number)[BLOCK:] + self._frame(number + 1)[:BLOCK]

    def _make_frame(self, number: int) -> FloatArray:
        rng = np.random.default_rng((*self._seed, number))
        white = rng.standard_normal(2 * len(self._shape)).view(np.complex128) * BLOCK**0.5
        return self._window * np.fft.irfft(white * self._shape, 2 * BLOCK)


def wind_spectrum(frequency: FloatArray) -> FloatArray:
    """Rumble below 100 Hz that falls by about 9 dB an octave, and a little hiss of leaves."""
    rumble = (frequency / 40) ** 2 / (1 + (frequency / 60) ** 2) ** 1.75
    return rumble + 0.004 * np.exp(-((np.log2(np.maximum(frequency, 1) / 3000) / 1.2) ** 2))


def air_spectrum(frequency: FloatArray) -> FloatArray:
    """The hiss of a microphone and of a far road: falling from 200 Hz on, flat above 4 kHz."""
    return 1 / (1 + (frequency / 200) ** 2) ** 0.5 + 0.03


def hum(at: FloatArray, shaft_hz: float) -> FloatArray:
    """An induction motor: the family of the mains frequency, modulated by the shaft; peak below 1.

    `at` is in seconds since the machine was switched on.
    """
    shaft: ComplexArray = np.exp(2j * np.pi * (shaft_hz / 2 * at))
    mains: ComplexArray = np.exp(2j * np.pi * (MAINS_HZ * at))
    sound: FloatArray = 0.2 * np.imag(shaft * shaft)
    partial = mains.copy()
    for number, amplitude in enumerate(HUM_PARTIALS, start=1):
        if amplitude:
            swing = 1 + 0.25 * np.imag(shaft * np.exp(1j * number))
            sound += amplitude * swing * np.imag(partial * np.exp(1j * number**2))
        partial *= mains
    return sound / 2.2


def bearing_ring(rng: np.random.Generator) -> FloatArray:
    """What one pass over the damage excites: resonances from 2.1 to 3.4 kHz that ring for some milliseconds; peak 1."""
    at = np.arange(round(0.02 * RATE)) / RATE
    ring = np.zeros(len(at))
    for frequency in (2100.0, 2480.0, 2950.0, 3400.0):
        ring += rng.uniform(0.6, 1.0) * np.exp(-at / 0.0028) * np.sin(2 * np.pi * frequency * at + rng.uniform(0, 3))
    return ring / np.abs(ring).max()


VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (300, 870, 2240),
    (530, 1840, 2480),
    (570, 840, 2410),
    (440, 1020, 2240),
)
"""Formants of six vowels of speech, Hz."""


def speak(length_s: float, pitch_hz: tuple[float, float], vowels: tuple[int, int], voice: float) -> FloatArray:
    """One syllable: glottal pulses (by their partials) through three moving formants; peak 1.

    `pitch_hz` glides from first to second, `vowels` index `VOWELS`; `voice` scales the formants, above 1 for a
    shorter tract.
    """
    count = round(length_s * RATE)
    at = np.arange(count) / count
    pitch = _smooth(at, pitch_hz)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    turn: ComplexArray = np.exp(1j * phase)
    partial = turn.copy()
    coarse = np.linspace(0, 1, 12)
    formants = [
        _smooth(coarse, (VOWELS[vowels[0]][i] * voice, VOWELS[vowels[1]][i] * voice)) for i in range(len(VOWELS[0]))
    ]
    sound = np.zeros(count)
    for number in range(1, int(4200 / max(pitch_hz)) + 1):
        frequency = number * _smooth(coarse, pitch_hz)
        gain = np.zeros(len(coarse))
        for formant, width, weight in zip(formants, (60, 90, 140), (1.0, 0.5, 0.25), strict=True):
            gain += weight / (1 + ((frequency - formant) / width) ** 2)
        sound += np.interp(at, coarse, gain / math.sqrt(number)) * np.imag(partial)
        partial *= turn
    envelope = np.minimum(1.0, at / 0.2) * np.minimum(1.0, (1 - at) / 0.3)
    sound *= envelope
    return sound / np.abs(sound).max()


def hiss(length_s: float, rng: np.random.Generator) -> FloatArray:
    """An s-like consonant, 3.5 to 7 kHz; peak 1."""
    count = round(length_s * RATE)
    frequency = frequencies(count)
    shape = np.exp(-(((frequency - 5200) / 1500) ** 2))
    sound = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * shape, count) * np.hanning(count)
    return sound / np.abs(sound).max()
