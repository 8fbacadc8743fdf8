"""Species that do not exist: a seed gives a repertoire of syllables, another an individual that sings it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

LOWEST_HZ, HIGHEST_HZ = 400.0, 9_000.0
PITCH_SPREAD, TEMPO_SPREAD = 0.03, 0.08
"""Standard deviations, in octaves, by which individuals of a species differ."""
RENDITION_SPREAD = 0.3
"""How much one rendition differs from the next, as a share of how much individuals differ."""

BREATH_STEP = 16
"""Samples between the values of the noise of a breathy sound: a band some hundreds of Hz wide."""


@dataclass(frozen=True, slots=True)
class Syllable:
    """One unbroken sound: a gliding, trilled tone with overtones, partly breathy."""

    seconds: float
    hz: float
    """Pitch in the middle."""
    glide: float
    """Octaves from start to end, straight."""
    arch: float
    """Octaves by which the middle lies above the ends."""
    trill_hz: float
    trill: float
    """Octaves to either side; 0 for none."""
    overtone: float
    """Amplitude of each overtone relative to the one below it, 0..1."""
    breath: float
    """Share of the sound that is noise around the pitch, 0..1."""
    pause: float
    """Seconds after it."""


@dataclass(frozen=True, slots=True)
class SyntheticSpecies:
    """What all individuals share."""

    syllables: tuple[Syllable, ...]
    phrase: tuple[int, ...]
    """Syllables in the order in which they are sung."""
    rest: float
    """Seconds between phrases."""


def synthetic_species(seed: int) -> SyntheticSpecies:
    """One to five syllables in a phrase of up to twelve; the same seed gives the same species."""
    chance = np.random.default_rng([seed, 0])
    centre = _between(chance, 800.0, 6_000.0)
    syllables = tuple(
        Syllable(
            seconds=_between(chance, 0.03, 0.5),
            hz=float(np.clip(centre * 2.0 ** chance.normal(0.0, 0.4), LOWEST_HZ, HIGHEST_HZ)),
            glide=float(chance.normal(0.0, 0.4)),
            arch=float(chance.normal(0.0, 0.3)),
            trill_hz=_between(chance, 8.0, 80.0),
            trill=float(chance.uniform(0.02, 0.25)) if chance.random() < 0.4 else 0.0,
            overtone=float(chance.uniform(0.0, 0.7)),
            breath=float(chance.uniform(0.0, 0.6)) if chance.random() < 0.3 else 0.0,
            pause=_between(chance, 0.02, 0.4),
        )
        for _ in range(int(chance.integers(1, 6)))
    )
    # Runs of one syllable, as in most songs, rather than any order.
    runs = [[int(chance.integers(len(syllables)))] * int(chance.integers(1, 5)) for _ in range(3)]
    phrase = tuple(number for run in runs for number in run)
    return SyntheticSpecies(syllables, phrase, _between(chance, 0.3, 3.0))


def sing(species: SyntheticSpecies, individual: int, take: int, samples: int, rate: int) -> Samples:
    """`(samples,)` within +-1: one individual (its own pitch and tempo) singing; each take starts and varies anew."""
    own, chance = np.random.default_rng([individual, 1]), np.random.default_rng([individual, take, 2])
    pitch, tempo = own.normal(0.0, PITCH_SPREAD), own.normal(0.0, TEMPO_SPREAD)
    sound = np.zeros(samples, dtype=np.float32)
    # Within the first half second at the latest, so that every take has some song.
    position, place = int(chance.uniform(0.0, 0.5) * min(rate, samples)), 0
    while position < samples:
        syllable = species.syllables[species.phrase[place % len(species.phrase)]]
        now_pitch = pitch + chance.normal(0.0, RENDITION_SPREAD * PITCH_SPREAD)
        now_tempo = 2.0 ** (tempo + chance.normal(0.0, RENDITION_SPREAD * TEMPO_SPREAD))
        length = max(1, int(syllable.seconds * now_tempo * rate))
        here = sound[position : position + length]
        level = 2.0 ** chance.normal(0.0, 0.2) * 0.4
        here += (level * _tone(syllable, length, 2.0**now_pitch, rate, chance)[: len(here)]).astype(np.float32)
        place += 1
        gap = syllable.pause if place % len(species.phrase) else species.rest
        position += length + int(gap * now_tempo * rate)
    return np.clip(sound, -1.0, 1.0)


def _tone(syllable: Syllable, length: int, pitch: float, rate: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """`(length,)`, amplitude at most about 1."""
    along = (np.arange(length) + 0.5) / length
    time = np.arange(length) / rate
    octaves = syllable.glide * (along - 0.5) + syllable.arch * (1.0 - (2.0 * along - 1.0) ** 2)
    octaves += syllable.trill * np.sin(2.0 * np.pi * syllable.trill_hz * time)
    hz = np.clip(syllable.hz * pitch * 2.0**octaves, LOWEST_HZ, min(HIGHEST_HZ, 0.45 * rate))
    phase = 2.0 * np.pi * np.cumsum(hz) / rate
    tone = np.sin(phase)
    for number in (2, 3, 4):
        # An overtone above half the rate would come back at another pitch.
        tone += syllable.overtone ** (number - 1) * np.sin(number * phase) * (number * hz < 0.45 * rate)
    # Slow noise turns the tone into a band around it.
    knots = np.arange(0, length + BREATH_STEP, BREATH_STEP)
    slow = np.interp(np.arange(length), knots, chance.standard_normal(len(knots)))
    breathy = (1.0 - syllable.breath) * tone + syllable.breath * slow * np.sin(phase)
    return breathy * np.sin(np.pi * along) ** 0.5 / (1.0 + 3.0 * syllable.overtone)


def _between(chance: np.random.Generator, low: float, high: float) -> float:
    """Even on the scale of ratios."""
    return float(np.exp(chance.uniform(np.log(low), np.log(high))))
