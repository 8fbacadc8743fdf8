"""The demo's soundscape: two minutes that the program makes itself, a second at a time, with a known truth.

Four birds with motifs of their own sing at different distances; gusts of wind come and go; a machine hums, and from
75 s on its bearing goes bad; people talk for a while. From 68 to 83 s no bird sings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from monitor.audio import synthesis
from monitor.audio.motifs import SINGERS, Singer
from monitor.core.types import ENGINE_RATE, AudioBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.audio.sources import Source
    from monitor.audio.synthesis import FloatArray
    from monitor.core.types import Float32Array

DURATION_S = 120
"""Length of the soundscape."""

BLOCK = synthesis.BLOCK
"""Samples of one block: a second."""

SHAFT_HZ = 24.7
"""Turns of the machine a second."""

DAMAGE_HZ = 86.6
"""Passes over the damaged spot of the bearing a second."""

FAULT_START_S, FAULT_FULL_S = 75.0, 105.0
"""The bearing is damaged from the first on, and as bad as it gets from the second on."""

GUSTS = ((12.0, 19.0, 0.05), (27.0, 38.0, 0.09), (64.0, 73.0, 0.07), (103.0, 113.0, 0.06))
"""Start and end in seconds, root mean square at the height of the gust."""

SPEECH_S = (44.0, 59.0)
"""Between these people talk."""


class Sounding(NamedTuple):
    """Something that is audible for a while; seconds from the start."""

    label: str
    """`bird two-note`, `bird trill`, `bird down-sweep`, `bird warble`, `wind`, `machine`, `bearing fault`, `speech`."""
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class _Event:
    sounding: Sounding
    render: Callable[[], FloatArray]
    """Its samples at their final level; may ring on after the sounding's end."""

    @property
    def start(self) -> int:
        return round(self.sounding.start_s * ENGINE_RATE)


class Soundscape:
    """A source like any other; every call of `blocks` gives the same two minutes."""

    name = "demo soundscape"
    rate = ENGINE_RATE
    start_utc_ns: int | None = None
    length: int | None = DURATION_S * ENGINE_RATE
    synthetic = True
    non_finite = 0

    def __init__(self, seed: int) -> None:
        """`seed` 0 or more: another one changes who sings when, not who is there."""
        self._seed = seed

    def blocks(self) -> Iterator[AudioBlock]:
        """Blocks of one second, each made when it is asked for."""
        backdrop = _Backdrop(self._seed)
        waiting = sorted(_events(self._seed), key=lambda event: event.start, reverse=True)
        audible: list[tuple[int, FloatArray]] = []
        for number in range(DURATION_S):
            start = number * BLOCK
            while waiting and waiting[-1].start < start + BLOCK:
                event = waiting.pop()
                audible.append((event.start, event.render()))
            mix = backdrop.block(number)
            for at, sound in audible:
                _add(mix, sound, at - start)
            audible = [(at, sound) for at, sound in audible if at + len(sound) > start + BLOCK]
            yield AudioBlock(mix.astype(np.float32), start, ENGINE_RATE)


def soundscape(seed: int = 0) -> Source:
    """Two minutes at 48 kHz, the same for the same seed, peak below full scale."""
    return Soundscape(seed)


def phrases(motif: str, count: int, seed: int = 0) -> list[Float32Array]:
    """Phrases of one of its birds, such as `trill`, that the soundscape of the same seed does not hold.

    Each float32 `(n,)` at 48 kHz with a second of the soundscape's calm air before and after it. Raises ValueError when
    no bird has that motif.
    """
    singer = next((one for one in SINGERS if one.motif == motif), None)
    if singer is None:
        raise ValueError(f"no bird sings {motif}")
    backdrop = _Backdrop(seed)
    clips: list[Float32Array] = []
    for number in range(count):
        own = (seed, 30, SINGERS.index(singer), number)
        notes = singer.compose(np.random.default_rng(own))
        sound = _render_phrase(notes, singer.level, singer.distance, own)
        seconds = 2 + -(-len(sound) // BLOCK)
        mix = np.concatenate([backdrop.block(block) for block in range(seconds)])
        _add(mix, sound, BLOCK)
        clips.append(mix.astype(np.float32))
    return clips


def soundscape_truth(seed: int = 0) -> tuple[Sounding, ...]:
    """What is audible when, by start: each phrase of a bird, each gust, the talk, the machine, its fault."""
    birds = [event.sounding for event in _events(seed) if event.sounding.label.startswith("bird")]
    talk = [event.sounding for event in _events(seed) if event.sounding.label == "speech"]
    rest = [
        Sounding("speech", min(part.start_s for part in talk), max(part.end_s for part in talk)),
        Sounding("machine", 0.0, float(DURATION_S)),
        Sounding("bearing fault", FAULT_START_S, float(DURATION_S)),
        *(Sounding("wind", start, end) for start, end, _ in GUSTS),
    ]
    return tuple(sorted([*birds, *rest], key=lambda sounding: (sounding.start_s, sounding.label)))


def _add(mix: FloatArray, sound: FloatArray, offset: int) -> None:
    """Add the part of `sound` that falls into `mix` when it begins at `offset`, which may be negative."""
    first, last = max(0, offset), min(len(mix), offset + len(sound))
    if last > first:
        mix[first:last] += sound[first - offset : last - offset]


class _Backdrop:
    """What is always there: air, wind and the machine."""

    def __init__(self, seed: int) -> None:
        self._air = synthesis.Noise((seed, 1), synthesis.air_spectrum)
        self._wind = synthesis.Noise((seed, 2), synthesis.wind_spectrum)
        rng = np.random.default_rng((seed, 3))
        self._ring = synthesis.bearing_ring(rng)
        passes = np.arange(FAULT_START_S, DURATION_S, 1 / DAMAGE_HZ)
        # Rolling elements slip a little, so that the train of pulses is not quite regular.
        self._passes = np.sort(passes + rng.normal(0, 0.0004, len(passes)))
        growth = np.clip((self._passes - FAULT_START_S) / (FAULT_FULL_S - FAULT_START_S), 0, 1)
        load = 0.65 + 0.35 * np.sin(2 * np.pi * SHAFT_HZ * self._passes)
        self._blows = 0.09 * (0.04 + 0.96 * growth**1.3) * load * rng.uniform(0.7, 1.0, len(passes))

    def block(self, number: int) -> FloatArray:
        at = (number * BLOCK + np.arange(BLOCK)) / ENGINE_RATE
        mix = 0.0009 * self._air.block(number) + _gusts(at) * self._wind.block(number)
        mix += 0.04 * synthesis.hum(at, SHAFT_HZ)
        first, last = np.searchsorted(self._passes, (number - len(self._ring) / BLOCK, number + 1))
        for index in range(int(first), int(last)):
            _add(mix, self._blows[index] * self._ring, round(float(self._passes[index]) * ENGINE_RATE) - number * BLOCK)
        return mix


def _gusts(at: FloatArray) -> FloatArray:
    """Root mean square of the wind at these times in seconds."""
    level = np.full(len(at), 0.004)
    for start, end, height in GUSTS:
        place = np.clip((at - start) / (end - start), 0, 1)
        level += height * np.sin(np.pi * place) ** 2 * (1 + 0.3 * np.sin(2 * np.pi * 0.9 * at + start))
    return level


def _events(seed: int) -> list[_Event]:
    """All phrases and utterances of the two minutes."""
    phrases = [phrase for number, singer in enumerate(SINGERS) for phrase in _phrases(singer, (seed, 10, number))]
    return phrases + _utterances((seed, 20))


def _phrases(singer: Singer, seed: tuple[int, ...]) -> list[_Event]:
    """What one bird sings, phrase after phrase, within its stretches."""
    rng = np.random.default_rng(seed)
    events: list[_Event] = []
    for first, last in singer.stretches:
        at = first
        while True:
            notes = singer.compose(rng)
            end = at + max(note.start_s + note.length_s for note in notes)
            if end > last:
                break
            level = singer.level * rng.uniform(0.75, 1.0)
            render = partial(_render_phrase, notes, level, singer.distance, (*seed, len(events)))
            events.append(_Event(Sounding(f"bird {singer.motif}", round(at, 3), round(end, 3)), render))
            at = end + rng.uniform(*singer.pause_s)
    return events


def _render_phrase(notes: list[synthesis.Syllable], level: float, distance: float, seed: tuple[int, ...]) -> FloatArray:
    sound = synthesis.from_afar(synthesis.sing(notes), distance, np.random.default_rng(seed))
    return level / np.abs(sound).max() * sound


def _utterances(seed: tuple[int, ...]) -> list[_Event]:
    """Two people who talk in turns, and at times at once."""
    events: list[_Event] = []
    for person, (pitch_hz, voice, level, first_s) in enumerate(((112.0, 1.0, 0.11, 44.0), (196.0, 1.17, 0.08, 46.1))):
        rng = np.random.default_rng((*seed, person))
        at = first_s
        while True:
            syllables = int(rng.integers(4, 10))
            end = at + 0.21 * syllables
            if end > SPEECH_S[1]:
                break
            render = partial(_render_utterance, syllables, pitch_hz, voice, level, (*seed, person, len(events)))
            events.append(_Event(Sounding("speech", round(at, 3), round(end, 3)), render))
            at = end + rng.uniform(0.5, 2.2)
    return events


def _render_utterance(syllables: int, pitch_hz: float, voice: float, level: float, seed: tuple[int, ...]) -> FloatArray:
    rng = np.random.default_rng(seed)
    sound = np.zeros(round(0.21 * syllables * ENGINE_RATE))
    vowel = int(rng.integers(len(synthesis.VOWELS)))
    for number in range(syllables):
        # Pitch falls towards the end of a sentence.
        height = pitch_hz * (1.15 - 0.3 * number / syllables) * rng.uniform(0.94, 1.06)
        following = int(rng.integers(len(synthesis.VOWELS)))
        length = rng.uniform(0.13, 0.2)
        part = synthesis.speak(length, (height, height * rng.uniform(0.9, 1.08)), (vowel, following), voice)
        begin = round(0.21 * number * ENGINE_RATE)
        _add(sound, rng.uniform(0.5, 1.0) * part, begin)
        if rng.random() < 0.3:
            _add(sound, 0.12 * synthesis.hiss(0.07, rng), begin + round((length - 0.03) * ENGINE_RATE))
        vowel = following
    return level / np.abs(sound).max() * sound
