"""Butterworth filters that run over blocks, with numpy alone: `scipy.signal` would cost the monitor 60 MB of memory.

A filter is kept as a state space. What a block of samples gives is then three small matrix products (what the block
does to itself, what the state before it does to it, what it does to the state), and only the states of successive
blocks need a loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64Array = NDArray[np.float64]

LONGEST_BLOCK = 128
"""Samples of a block at most; longer ones cost more in products than they save in the loop."""

SMALLEST = 1e-30
"""States below this become 0: numbers too small for the processor's fast path would cost a hundred times as much."""


def butterworth(order: int, low_hz: float, high_hz: float, rate: float) -> Float64Array:
    """Second-order sections `(n, 6)`: b0 b1 b2 1 a1 a2, by the bilinear transform with both cut-offs (-3 dB) exact.

    A band-pass of `order` pairs of poles; from 0 Hz a low-pass of twice as many poles as `order`.
    """
    top = 2.0 * rate * np.tan(np.pi * high_hz / rate)
    count = order if low_hz > 0 else 2 * order
    # Of the low-pass whose cut-off is 1, the upper half plane and, for an odd number, the real one.
    angles = np.pi * (2.0 * np.arange((count + 1) // 2) + count + 1.0) / (2.0 * count)
    prototype = np.exp(1j * angles)
    if low_hz > 0:
        bottom = 2.0 * rate * np.tan(np.pi * low_hz / rate)
        half = prototype * (top - bottom) / 2.0
        root = np.sqrt(half * half - top * bottom + 0j)
        pairs: list[tuple[complex, complex]] = []
        for place, pole in enumerate(prototype):
            one, other = complex(half[place] + root[place]), complex(half[place] - root[place])
            if abs(pole.imag) < 1e-12:
                pairs.append((one, other))
            else:
                pairs += [(one, one.conjugate()), (other, other.conjugate())]
        gain, zeros = (top - bottom) ** order, (1.0, 0.0, -1.0)
        # Each section has one zero at 0 Hz, in the plane of the analogue filter.
        gain *= (2.0 * rate) ** order
    else:
        pairs = [(complex(pole * top), complex(pole * top).conjugate()) for pole in prototype]
        gain, zeros = top**count, (1.0, 2.0, 1.0)
    sections = np.empty((len(pairs), 6))
    for section, (one, other) in zip(sections, pairs, strict=True):
        gain /= ((2.0 * rate - one) * (2.0 * rate - other)).real
        first, second = ((2.0 * rate + pole) / (2.0 * rate - pole) for pole in (one, other))
        section[:] = (*zeros, 1.0, -(first + second).real, (first * second).real)
    sections[0, :3] *= gain
    return sections


class RecursiveFilter:
    """A cascade of second-order sections over chunks of one length; the caller keeps its states. float64."""

    def __init__(self, sections: Float64Array, chunk: int) -> None:
        """`chunk`: samples that `run` takes."""
        block = next(size for size in range(min(chunk, LONGEST_BLOCK), 0, -1) if chunk % size == 0)
        step, into, out, through = _state_space(sections)
        self.size = len(step)
        """Numbers of a state."""
        self.settled: Float64Array = np.linalg.solve(np.eye(self.size) - step, into).astype(np.float64)
        """The state in which a constant 1 has always been heard."""
        self._block = block
        powers = [np.eye(self.size)]
        for _ in range(block):
            powers.append(step @ powers[-1])
        response = np.array([through, *(out @ power @ into for power in powers[: block - 1])])
        late = np.arange(block)[:, None] - np.arange(block)[None, :]
        self._within = np.where(late >= 0, response[np.maximum(late, 0)], 0.0).T.copy()
        self._from_state = np.stack([out @ power for power in powers[:block]]).T.copy()
        self._to_state = np.stack([power @ into for power in powers[block - 1 :: -1]])
        self._over = powers[block]

    def run(self, samples: Float64Array, state: Float64Array) -> tuple[Float64Array, Float64Array]:
        """`(chunk,)` and the state before it, `(size,)` -> the filter's output `(chunk,)` and the state after it."""
        blocks = samples.reshape(-1, self._block)
        pushed = blocks @ self._to_state
        states = np.empty((len(blocks), self.size))
        for place, push in enumerate(pushed):
            states[place] = state
            state = self._over @ state + push
        state[np.abs(state) < SMALLEST] = 0.0
        return (blocks @ self._within + states @ self._from_state).reshape(-1), state


def _state_space(sections: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array, float]:
    """Sections one after another -> state to state, input to state, state to output, input to output."""
    size = 2 * len(sections)
    step, into, out = np.zeros((size, size)), np.zeros(size), np.zeros(size)
    through = 1.0
    for place, (b0, b1, b2, _, a1, a2) in enumerate(sections.tolist()):
        own = slice(2 * place, 2 * place + 2)
        push = np.array([b1 - a1 * b0, b2 - a2 * b0])
        # What the sections before give is this one's input.
        step[own] = push[:, None] * out[None, :]
        step[own, own] += np.array([[-a1, 1.0], [-a2, 0.0]])
        into[own] = push * through
        out, through = b0 * out, b0 * through
        out[2 * place] += 1.0
    return step, into, out, through
