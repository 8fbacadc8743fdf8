"""The laws of a stage, each a check of one example. `test_laws_bite.py` shows that each can fail."""

from __future__ import annotations

import builtins
import io
import itertools
import logging
import os
import random
import socket
import time
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest

from monitor.core.species_readings import SpeciesDetection
from tests.contract.streams import arrays, assert_equal, spans

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.contract.examples import Example

CUTS = (1, 63, 64, 65, 997, None)


def run(stage: Any, example: Example, size: int | None, at: int = 0) -> list[Any]:
    """Everything that a stage gives for the example's input cut into pieces of `size` (None: whole), with the flush."""
    sizes = itertools.repeat(size or example.stream.length())
    return feed(stage, example, sizes, at) + list(stage.flush())


def feed(stage: Any, example: Example, sizes: Iterable[int], at: int = 0) -> list[Any]:
    """The same for pieces of any sizes, without the flush."""
    return [output for item in example.stream.cut(sizes, at) for output in stage.push(item)]


def cuts_change_nothing(example: Example) -> None:
    """Sample by sample, in uneven blocks, in one piece: the same."""
    whole = run(example.make(), example, None)
    assert whole, "the example is too short: the stage gave nothing"
    for size in CUTS:
        assert_equal(run(example.make(), example, size), whole)


def irregular_cuts_change_nothing(example: Example, sizes: list[int]) -> None:
    """Blocks of changing sizes give the same."""
    stage = example.make()
    outputs = feed(stage, example, itertools.cycle(sizes)) + list(stage.flush())
    assert_equal(outputs, run(example.make(), example, None))


def reset_equals_fresh(example: Example, at: int, flushed: bool) -> None:
    """Nothing of what came before a reset is left, flushed or not; a stage that was never reset begins at 0."""
    fresh = example.make()
    if at:
        fresh.reset(at)
    expected = run(fresh, example, 64, at)
    assert expected
    used = example.make()
    uneven = example.stream.length() // 3 + 1  # so that something is likely to be held back
    for item in itertools.islice(example.stream.cut(itertools.repeat(uneven), 0), 2):
        used.push(item)
    if flushed:
        used.flush()
    used.reset(at)
    assert_equal(run(used, example, 997, at), expected)


def flush_twice_equals_once(example: Example) -> None:
    """The second flush gives nothing, nor does that of a stage that heard nothing."""
    stage = example.make()
    run(stage, example, 997)
    assert not list(stage.flush()), "the second flush gave something"
    assert not list(example.make().flush()), "a fresh stage had something to flush"


def inputs_not_mutated_outputs_not_aliased(example: Example) -> None:
    """Arrays that went in or came out stay as they were, and belong to one owner."""
    stage = example.make()
    inputs: list[tuple[np.ndarray, np.ndarray]] = []
    outputs: list[tuple[np.ndarray, np.ndarray]] = []
    for item in example.stream.cut(itertools.repeat(997), 0):
        inputs += [(array, array.copy()) for array in arrays(item)]
        outputs += [(array, array.copy()) for output in stage.push(item) for array in arrays(output)]
    outputs += [(array, array.copy()) for output in stage.flush() for array in arrays(output)]
    stage.reset(0)
    feed(stage, example, itertools.repeat(480))
    for array, before in inputs + outputs:
        np.testing.assert_array_equal(array, before, err_msg="an array changed after it was handed over")
    for (array, _), (other, _) in itertools.pairwise(outputs):
        assert not np.shares_memory(array, other), "two outputs share memory"
    for (array, _), (other, _) in itertools.product(outputs[:20], inputs):
        assert not np.may_share_memory(array, other), "an output shares memory with an input"


def spans_are_ordered(example: Example, at: int) -> None:
    """Of each kind of output, starts and ends never go back, and none begins before the stream.

    What is provisional is another kind than what is final, and so is a detection of another species: those overlap.
    """
    stage = example.make()
    stage.reset(at)
    outputs = run(stage, example, None, at)
    for kind in {kind_of(output) for output in outputs}:
        stretches = [span for output in outputs if kind_of(output) == kind for span in spans(output, example.spec)]
        ordered = all(a.start <= b.start and a.end <= b.end for a, b in itertools.pairwise(stretches))
        assert ordered, f"{kind[0].__name__}: a span goes back"
        assert stretches[0].start >= at, f"{kind[0].__name__}: a span from before the stream"


def kind_of(output: Any) -> tuple[type, bool, str]:
    """What is ordered among itself."""
    label = output.label if isinstance(output, SpeciesDetection) else ""
    return type(output), getattr(output, "provisional", False), label


def nothing_later_than_latency(example: Example) -> None:
    """What ends at E has come when audio up to E + latency has been heard."""
    outputs = run(example.make(), example, None)
    ends = np.array([span.end for output in outputs for span in spans(output, example.spec)])
    stage = example.make()
    assert isinstance(stage.latency, int), "latency counts engine samples"
    assert stage.latency >= 0
    come = 0
    for item in example.stream.cut(itertools.repeat(240), 0):
        come += sum(len(spans(output, example.spec)) for output in stage.push(item))
        due = int((ends <= example.stream.end(item) - stage.latency).sum())
        assert come >= due, f"{due - come} output(s) later than {stage.latency} engine samples"


def nothing_from_outside(example: Example) -> None:
    """The same comes out where clock, files, sockets, chance, console and log are out of reach."""
    whole = run(example.make(), example, None)
    stage = example.make()
    items = list(example.stream.cut(itertools.repeat(997), 0))
    with pytest.MonkeyPatch.context() as patch:
        _forbid(patch)
        outputs = [output for item in items for output in stage.push(item)]
        outputs += stage.flush()
        stage.reset(3)
    assert_equal(outputs, whole)


def _forbid(patch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a stage reached for a clock, a file, a socket, chance or a log")

    for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"):
        patch.setattr(time, name, refuse)
    for name in ("random", "randint", "uniform", "choice", "gauss"):
        patch.setattr(random, name, refuse)
    for name in ("default_rng", "random", "rand", "randn", "normal", "uniform", "standard_normal"):
        patch.setattr(np.random, name, refuse)
    for owner, name in (
        (builtins, "open"),
        (builtins, "print"),
        (io, "open"),
        (os, "urandom"),
        (os, "open"),
        (socket, "socket"),
        (logging.Logger, "handle"),
    ):
        patch.setattr(owner, name, refuse)
