"""From a source's own rate to the engine's, and from there to the rates that features need.

soxr gives the same samples however its input is cut, and lines its output up with its input: what lies at native index
n comes out at engine index n * 48000 / rate. "HQ" costs a fifth of a millisecond per second of audio from 48 to 16 kHz;
the lower qualities save less than half of that.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import soxr

from monitor.core.clock import engine_index, native_index
from monitor.core.types import ENGINE_RATE, GRID, AudioBlock

if TYPE_CHECKING:
    from monitor.core.types import Float32Array

DECIMATED_RATES = (32_000, 16_000)
_PROBE_S = 2
_PROBE_BLOCKS_A_SECOND = 1_000


class EngineRate:
    """Stage: blocks at `native_rate` Hz -> blocks at 48 kHz.

    Output is numbered from the index given to `reset`; native samples before it are dropped, and the first one kept is
    taken to lie on it, which is late by less than a native sample. A stream that ends at native index n ends at engine
    index floor(n * 48000 / native_rate). At 48 kHz samples pass unchanged.
    """

    def __init__(self, native_rate: int) -> None:
        if native_rate <= 0:
            raise ValueError(f"a rate must be positive, got {native_rate}")
        self._rate = native_rate
        self._latency = 0 if native_rate == ENGINE_RATE else delay(native_rate, ENGINE_RATE)
        self.reset(0)

    @property
    def latency(self) -> int:
        """What soxr holds back."""
        return self._latency

    def push(self, item: AudioBlock) -> list[AudioBlock]:
        """Blocks at 48 kHz. Raises ValueError for another rate, and for a jump without a `reset`."""
        _check(item, self._rate, self._next, engine_index(item.start, self._rate) <= self._at and self._fresh)
        samples = item.samples[max(0, self._next - item.start) :]
        self._next = max(self._next, item.end)
        if not len(samples):
            return []
        self._fresh = False
        return self._numbered(samples.copy() if self._stream is None else self._stream.push(samples))

    def flush(self) -> list[AudioBlock]:
        """The rest, up to where the input ended."""
        if self._stream is None or self._fresh:
            return []
        rest = self._stream.finish(engine_index(self._next, self._rate) - self._made)
        return self._numbered(rest)

    def reset(self, at: int) -> None:
        """Begin anew at engine index `at`, a multiple of 3."""
        _check_grid(at)
        self._at = self._made = at
        self._next = native_index(at, self._rate)
        self._fresh = True
        self._stream = None if self._rate == ENGINE_RATE else _Resampler(self._rate, ENGINE_RATE)

    def _numbered(self, samples: Float32Array) -> list[AudioBlock]:
        if not len(samples):
            return []
        block = AudioBlock(samples, self._made)
        self._made = block.end
        return [block]


class Decimate:
    """Stage: blocks at 48 kHz -> blocks at `rate`, 32 000 or 16 000.

    Sample j lies at engine index 3j/2 or 3j. A stream that ends at engine index n ends at floor(n * rate / 48000).
    """

    def __init__(self, rate: int) -> None:
        if rate not in DECIMATED_RATES:
            raise ValueError(f"rate must be one of {DECIMATED_RATES}, got {rate}")
        self._rate = rate
        self._latency = -(-delay(ENGINE_RATE, rate) * ENGINE_RATE // rate)
        self.reset(0)

    @property
    def latency(self) -> int:
        """What soxr holds back, about 37 ms."""
        return self._latency

    def push(self, item: AudioBlock) -> list[AudioBlock]:
        """Blocks at `rate`. Raises ValueError for another input rate, and for a jump without a `reset`."""
        _check(item, ENGINE_RATE, self._next, may_skip=False)
        samples = item.samples[max(0, self._next - item.start) :]
        self._next = max(self._next, item.end)
        if not len(samples):
            return []
        self._fresh = False
        return self._numbered(self._stream.push(samples))

    def flush(self) -> list[AudioBlock]:
        """The rest, up to where the input ended."""
        if self._fresh:
            return []
        return self._numbered(self._stream.finish(self._next * self._rate // ENGINE_RATE - self._made))

    def reset(self, at: int) -> None:
        """Begin anew at engine index `at`, a multiple of 3."""
        _check_grid(at)
        self._next = at
        self._made = at * self._rate // ENGINE_RATE
        self._fresh = True
        self._stream = _Resampler(ENGINE_RATE, self._rate)

    def _numbered(self, samples: Float32Array) -> list[AudioBlock]:
        if not len(samples):
            return []
        block = AudioBlock(samples, self._made, self._rate)
        self._made = block.end
        return [block]


def resampled(samples: Float32Array, rate_in: int, rate_out: int, count: int) -> Float32Array:
    """A stretch `(n,)` by itself -> exactly `count` samples `(count,)` at another rate, zeros where it is too short."""
    if rate_in == rate_out and len(samples) == count:
        return samples
    given = samples if rate_in == rate_out else soxr.resample(samples, rate_in, rate_out, quality="HQ")
    whole = np.zeros(count, dtype=np.float32)
    whole[: min(count, len(given))] = given[:count]
    return whole


class _Resampler:
    """One run of soxr, from its first sample to its end."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._soxr = soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32", quality="HQ")
        self._ended = False
        # Enough silence after the end for the output to reach the last sample asked for, wherever the first one lay.
        self._silence = np.zeros(2 + rate_in // rate_out, np.float32)

    def push(self, samples: Float32Array) -> Float32Array:
        return self._soxr.resample_chunk(samples)

    def finish(self, count: int) -> Float32Array:
        """The last `count` samples; nothing when called again."""
        if self._ended:
            return np.zeros(0, np.float32)
        self._ended = True
        return self._soxr.resample_chunk(self._silence, last=True)[: max(0, count)].copy()


@cache
def delay(rate_in: int, rate_out: int) -> int:
    """The most output samples that soxr holds back between these rates: measured, plus a probe block and a margin."""
    stream = _Resampler(rate_in, rate_out)
    block = np.zeros(max(1, rate_in // _PROBE_BLOCKS_A_SECOND), np.float32)
    taken = given = most = 0
    for _ in range(_PROBE_S * _PROBE_BLOCKS_A_SECOND):
        taken += len(block)
        given += len(stream.push(block))
        most = max(most, taken * rate_out // rate_in - given)
    # Its inner blocks drift against one another, so that later in a stream it may hold back up to 1 % more.
    return most + most // 50 + len(block) * rate_out // rate_in


def _check(item: AudioBlock, rate: int, expected: int, may_skip: bool) -> None:
    if item.rate != rate:
        raise ValueError(f"expected audio at {rate} Hz, got {item.rate} Hz")
    if item.start > expected and not may_skip:
        raise ValueError(f"audio jumps from sample {expected} to {item.start} without a reset")


def _check_grid(at: int) -> None:
    if at < 0 or at % GRID:
        raise ValueError(f"a stream begins at a multiple of {GRID}, got {at}")
