"""Whole stretches of sound through the monitor's own path: any rate -> engine rate -> the rate of a front-end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.resample import Decimate, EngineRate
from monitor.core.types import ENGINE_RATE, AudioBlock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.core.types import Float32Array

BLOCK = 48_000
"""Samples that are taken at a time from sound in memory."""


def engine_blocks(blocks: Iterable[AudioBlock], rate: int) -> Iterator[AudioBlock]:
    """A source's blocks at its own rate, from 0 and without gaps -> the same at 48 kHz."""
    engine_rate = EngineRate(rate)
    for block in blocks:
        yield from engine_rate.push(block)
    yield from engine_rate.flush()


def decimated(blocks: Iterable[AudioBlock], rate: int) -> Iterator[AudioBlock]:
    """Blocks at 48 kHz, from 0 and without gaps -> the same at 32 or 16 kHz."""
    decimate = Decimate(rate)
    for block in blocks:
        yield from decimate.push(block)
    yield from decimate.flush()


def blocks_of(samples: Float32Array, rate: int = ENGINE_RATE) -> Iterator[AudioBlock]:
    """Sound in memory, `(n,)`, from 0."""
    for start in range(0, len(samples), BLOCK):
        yield AudioBlock(samples[start : start + BLOCK], start, rate)


def repeated(samples: Float32Array, least: int) -> Float32Array:
    """`samples`, from their start again and again until there are `least`; unchanged when there are."""
    return samples if len(samples) >= least else np.resize(samples, least)
