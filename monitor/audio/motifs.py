"""What the birds of the demo's soundscape sing: four motifs, after the habits of small songbirds, copied from none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.audio.synthesis import Syllable

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np


def two_note(rng: np.random.Generator) -> list[Syllable]:
    """A high and a low note in turns, three to six times, like a squeaking pump."""
    repeats = int(rng.integers(3, 7))
    beat = rng.uniform(0.36, 0.42)
    high, low = rng.uniform(5400, 5900), rng.uniform(3900, 4200)
    notes: list[Syllable] = []
    for number in range(repeats):
        at = number * beat
        drift = rng.uniform(0.99, 1.01)
        notes.append(Syllable(at, 0.13, (high * drift, high * 1.04 * drift, high * 0.98 * drift), 0.8))
        notes.append(Syllable(at + 0.16, 0.17, (low * 1.08 * drift, low * drift, low * 0.99 * drift), 1.0))
    return notes


def trill(rng: np.random.Generator) -> list[Syllable]:
    """Two whistles, then a rattle of a dozen and more quick down-up notes that swells and falls off."""
    top = rng.uniform(5600, 6300)
    notes = [
        Syllable(0.0, 0.16, (top * 0.82, top * 0.86, top * 0.85), 0.5),
        Syllable(0.24, 0.14, (top * 0.74, top * 0.72), 0.6),
    ]
    count, rate = int(rng.integers(14, 24)), rng.uniform(13, 16)
    for number in range(count):
        place = number / count
        level = (0.55 + 0.45 * min(1.0, place / 0.3)) * rng.uniform(0.9, 1.0)
        height = top * (1 - 0.05 * place) * rng.uniform(0.99, 1.01)
        sweep = (height * 1.1, height * 0.7, height * 0.88)
        notes.append(Syllable(0.46 + number / rate, 0.052, sweep, level, (0.05, 0.01)))
    return notes


def down_sweep(rng: np.random.Generator) -> list[Syllable]:
    """A cascade: notes that each fall, lower and faster one after the other, and a flourish at the end."""
    count = int(rng.integers(8, 13))
    at, gap = 0.0, rng.uniform(0.17, 0.2)
    top = rng.uniform(6000, 6600)
    notes: list[Syllable] = []
    for number in range(count):
        height = top * (1 - 0.42 * number / count) * rng.uniform(0.985, 1.015)
        sweep = (height, height * 0.75, height * 0.55)
        notes.append(Syllable(at, 0.095, sweep, 0.6 + 0.4 * number / count, (0.08, 0.02)))
        at += gap
        gap *= 0.95
    last = top * 0.5
    notes.append(Syllable(at + 0.03, 0.11, (last, last * 1.7, last * 1.5), 1.0, (0.1, 0.03)))
    notes.append(Syllable(at + 0.17, 0.13, (last * 1.6, last * 0.8, last * 0.9), 0.9, (0.1, 0.03)))
    return notes


def warble(rng: np.random.Generator) -> list[Syllable]:
    """Fluted notes from 2 to 3.5 kHz, each another one, then a thin twitter above 5 kHz."""
    notes: list[Syllable] = []
    at = 0.0
    for _ in range(int(rng.integers(5, 9))):
        length = rng.uniform(0.12, 0.3)
        height = rng.uniform(2100, 3200)
        points = tuple(height * rng.uniform(0.85, 1.2) for _ in range(int(rng.integers(2, 5))))
        vibrato = float(rng.choice([0.0, 0.0, 22.0, 34.0]))
        notes.append(Syllable(at, length, points, rng.uniform(0.6, 1.0), (0.07, 0.03, 0.01), vibrato))
        at += length + rng.uniform(0.02, 0.09)
    for _ in range(int(rng.integers(4, 9))):
        height = rng.uniform(5000, 7200)
        points = (height, height * rng.uniform(0.8, 1.15), height * rng.uniform(0.85, 1.1))
        notes.append(Syllable(at, rng.uniform(0.035, 0.07), points, rng.uniform(0.2, 0.4), (0.05,)))
        at += rng.uniform(0.06, 0.1)
    return notes


@dataclass(frozen=True, slots=True)
class Singer:
    """A bird at its place."""

    motif: str
    compose: Callable[[np.random.Generator], list[Syllable]]
    level: float
    """Peak of its loudest phrase, 0..1."""
    distance: float
    """0 near .. 1 far."""
    pause_s: tuple[float, float]
    """Between phrases, shortest and longest."""
    stretches: tuple[tuple[float, float], ...]
    """Seconds from the start between which it sings; each begins with a phrase."""


SINGERS = (
    Singer("two-note", two_note, 0.22, 0.15, (2.5, 5.0), ((0.4, 24.0), (84.0, 119.0))),
    Singer("trill", trill, 0.12, 0.45, (4.0, 8.0), ((6.0, 58.0), (90.0, 118.0))),
    Singer("down-sweep", down_sweep, 0.18, 0.3, (4.0, 7.0), ((19.0, 46.0), (96.0, 119.0))),
    Singer("warble", warble, 0.07, 0.8, (2.5, 5.5), ((34.0, 67.5), (83.0, 110.0))),
)
"""Everyone who is there; nobody sings from 68 to 83 s."""
