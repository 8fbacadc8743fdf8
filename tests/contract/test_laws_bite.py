"""A law that cannot fail is no law: each of these stages breaks one, and is caught."""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from monitor.core.events import Spectrum
from monitor.core.types import AudioBlock, Span
from monitor.features.spectrum import SpectrumColumns
from tests.contract import laws
from tests.contract.discovery import is_stage
from tests.contract.examples import Example
from tests.contract.streams import Audio

if TYPE_CHECKING:
    from collections.abc import Callable


class Lawful:
    """Gives the first sample of every 100."""

    latency = 100

    def __init__(self) -> None:
        self.reset(0)

    def push(self, item: AudioBlock) -> list[Spectrum]:
        self.held = np.concatenate([self.held, item.samples])
        outputs: list[Spectrum] = []
        while len(self.held) >= 100:
            outputs.append(self.output(self.held[:100]))
            self.held = self.held[100:]
            self.start += 100
        return outputs

    def output(self, samples: np.ndarray) -> Spectrum:
        return Spectrum(Span(self.start, self.start + 100), samples[:1].copy(), 1.0)

    def flush(self) -> list[Spectrum]:
        self.held = self.held[:0]
        return []

    def reset(self, at: int) -> None:
        self.held = np.zeros(0, dtype=np.float32)
        self.start = at


class RestartsItsGridAtEachPush(Lawful):
    def push(self, item: AudioBlock) -> list[Spectrum]:
        self.held = self.held[:0]
        return super().push(item)


class KeepsItsBufferOverAReset(Lawful):
    held = np.zeros(0, dtype=np.float32)

    def reset(self, at: int) -> None:
        self.start = at


class FlushesAgain(Lawful):
    def flush(self) -> list[Spectrum]:
        return [self.output(np.zeros(1, dtype=np.float32))]


class MutatesItsInput(Lawful):
    def push(self, item: AudioBlock) -> list[Spectrum]:
        writable = item.samples.base
        assert isinstance(writable, np.ndarray)
        writable *= 0.5
        return super().push(item)


class ReusesItsOutput(Lawful):
    shared = np.zeros(1, dtype=np.float32)

    def output(self, samples: np.ndarray) -> Spectrum:
        self.shared[0] = samples[0]
        return Spectrum(Span(self.start, self.start + 100), self.shared, 1.0)


class HandsItsInputOn(Lawful):
    def push(self, item: AudioBlock) -> list[Spectrum]:
        return [Spectrum(Span(item.start, item.end), item.samples, 1.0)]


class GoesBackInTime(Lawful):
    def output(self, samples: np.ndarray) -> Spectrum:
        start = 10**6 - self.start
        return Spectrum(Span(start, start + 100), samples[:1].copy(), 1.0)


class WaitsForTheFlush(Lawful):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Spectrum] = []

    def push(self, item: AudioBlock) -> list[Spectrum]:
        self.kept += super().push(item)
        return []

    def flush(self) -> list[Spectrum]:
        kept, self.kept = self.kept, []
        return kept


class LooksAtTheClock(Lawful):
    def push(self, item: AudioBlock) -> list[Spectrum]:
        time.monotonic()
        return super().push(item)


class RollsDice(Lawful):
    def output(self, samples: np.ndarray) -> Spectrum:
        random.random()
        return super().output(samples)


class WritesALog(Lawful):
    def flush(self) -> list[Spectrum]:
        logging.getLogger("stage").warning("flushed")
        return super().flush()


def example(stage: Callable[[], Any]) -> Example:
    return Example(stage, Audio(0.1))


CHECKS: list[Callable[[Example], None]] = [
    laws.cuts_change_nothing,
    lambda case: laws.irregular_cuts_change_nothing(case, [7, 301]),
    lambda case: laws.reset_equals_fresh(case, 7_203, flushed=False),
    laws.flush_twice_equals_once,
    laws.inputs_not_mutated_outputs_not_aliased,
    lambda case: laws.spans_are_ordered(case, 0),
    laws.nothing_later_than_latency,
    laws.nothing_from_outside,
]
CUTS, IRREGULAR, RESET, FLUSH, ALIAS, ORDER, LATENCY, OUTSIDE = CHECKS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("stage", [Lawful, SpectrumColumns])
def test_a_lawful_stage_passes(check: Callable[[Example], None], stage: Callable[[], Any]) -> None:
    check(Example(stage, Audio(0.35)))


@pytest.mark.parametrize(
    ("check", "stage"),
    [
        (CUTS, RestartsItsGridAtEachPush),
        (IRREGULAR, RestartsItsGridAtEachPush),
        (RESET, KeepsItsBufferOverAReset),
        (FLUSH, FlushesAgain),
        (ALIAS, MutatesItsInput),
        (ALIAS, ReusesItsOutput),
        (ALIAS, HandsItsInputOn),
        (ORDER, GoesBackInTime),
        (LATENCY, WaitsForTheFlush),
        (OUTSIDE, LooksAtTheClock),
        (OUTSIDE, RollsDice),
        (OUTSIDE, WritesALog),
    ],
)
def test_a_faulty_stage_is_caught(check: Callable[[Example], None], stage: type) -> None:
    with pytest.raises(AssertionError):
        check(example(stage))


def test_a_stage_is_known_by_its_shape() -> None:
    class WithoutLatency:
        push = flush = reset = print

    class LatencySetWhenMade(WithoutLatency):
        def __init__(self) -> None:
            self.latency = 0

    assert is_stage(Lawful)
    assert is_stage(LatencySetWhenMade)
    assert not is_stage(WithoutLatency)
