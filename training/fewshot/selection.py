"""Which windows of a recording are taken: two close to each other, the one that the bird gate likes best, or all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.birds.frames import gate_probabilities
from monitor.birds.peaks import best_windows

if TYPE_CHECKING:
    import numpy as np

    from monitor.core.types import Float32Array
    from monitor.inference.bundle import Bundle


def preferred(features: Float32Array, gate: Bundle, frames: int) -> int:
    """The paper's PS: first frame of the window of `frames` frames in dB `(t, bands)`, t >= frames, likeliest a bird.

    The paper asks CNN14 about chunks that do not overlap; here the gate is asked, and the window laid, as the monitor
    does it, so that training selects what is selected where the encoder is used.
    """
    probabilities = gate_probabilities(gate, features)
    if not len(probabilities):
        return 0
    return best_windows(probabilities, gate.manifest.window, range(len(features)), frames, 1)[0]


def proximate(available: int, frames: int, apart: int, generator: np.random.Generator) -> tuple[int, int]:
    """First frames of two windows of `frames` frames, `apart` frames from one to the other, in either order.

    Within `available` frames, at least `frames`; closer together where there is less.
    """
    apart = min(apart, available - frames)
    first = int(generator.integers(available - frames - apart + 1))
    pair = (first, first + apart)
    return pair if generator.random() < 0.5 else pair[::-1]


def chunks(available: int, frames: int) -> list[int]:
    """First frames of the windows that fill `available` frames one after another; the rest is dropped."""
    return list(range(0, available - frames + 1, frames))
