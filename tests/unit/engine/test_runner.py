"""One source through the whole pipeline: gaps, interruptions, other rates, overload; with real stages and a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.audio.synthetic import soundscape
from monitor.core.clock import engine_index, native_index
from monitor.core.events import (
    ActivityChange,
    GateReading,
    Health,
    LevelReading,
    Reading,
    SourceCondition,
    SourceState,
    StreamGap,
)
from monitor.core.types import AudioBlock
from monitor.engine.models import Models, load_models
from monitor.engine.runner import StreamRunner
from monitor.settings import BirdsSettings
from tests.helpers.tiny_bundle import make_gate_bundle

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
SECOND = 48_000


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    root: Path = tmp_path_factory.mktemp("models")
    make_gate_bundle(root)
    return load_models(BirdsSettings(), [root])


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Twelve seconds of the demo's birds, 48 kHz."""
    blocks = soundscape().blocks()
    return np.concatenate([next(blocks).samples for _ in range(12)])


class Heard:
    """Takes what a runner publishes."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def __call__(self, source: str, reading: Reading, utc_ns: int | None) -> None:
        self.readings.append(reading)

    def of(self, kind: type[T]) -> list[T]:
        return [reading for reading in self.readings if isinstance(reading, kind)]


def runner(models: Models, rate: int = SECOND) -> tuple[StreamRunner, Heard]:
    heard = Heard()
    return StreamRunner("test", rate, models, heard), heard


def lasting(readings: list[Reading]) -> list[tuple[object, ...]]:
    """What must not depend on the cut: everything but levels, columns and health."""
    kept = [reading for reading in readings if isinstance(reading, ActivityChange | StreamGap | SourceState)]
    return [(reading.topic, reading) for reading in kept]


@settings(deadline=None, max_examples=12)
@given(st.lists(st.integers(1, 3 * SECOND), min_size=1, max_size=8))
def test_the_cut_changes_nothing(models: Models, sound: np.ndarray, sizes: list[int]) -> None:
    whole, all_at_once = runner(models)
    whole.take(AudioBlock(sound, 0))
    whole.end()
    cut, in_parts = runner(models)
    start = turn = 0
    while start < len(sound):
        part = sound[start : start + sizes[turn % len(sizes)]]
        cut.take(AudioBlock(part, start))
        start += len(part)
        turn += 1
    cut.end()
    assert lasting(in_parts.readings) == lasting(all_at_once.readings)
    gates = [(reading.span, reading.probability) for reading in all_at_once.of(GateReading)]
    assert gates == [(reading.span, reading.probability) for reading in in_parts.of(GateReading)]


@pytest.mark.parametrize("rate", [48_000, 44_100, 32_000, 22_050])
@pytest.mark.parametrize("lost", [1, 1000, 4801, 100_003])
def test_a_gap_is_a_reset_and_is_counted(models: Models, sound: np.ndarray, rate: int, lost: int) -> None:
    run, heard = runner(models, rate)
    middle = len(sound) // 2
    run.take(AudioBlock(sound[:middle], 0, rate))
    run.take(AudioBlock(sound[middle:], middle + lost, rate, lost), "somebody tripped over the cable")
    run.end()
    (gap,) = heard.of(StreamGap)
    assert gap.reason == "somebody tripped over the cable"
    assert not gap.estimated
    assert gap.lost == engine_index(middle + lost, rate) - engine_index(middle, rate)
    assert gap.span.start == engine_index(middle, rate)
    assert 0 <= gap.span.end - engine_index(middle + lost, rate) < 3
    assert gap.span.end % 3 == 0
    for reading in [*heard.of(GateReading), *heard.of(LevelReading), *heard.of(ActivityChange)]:
        assert not reading.span.overlaps(gap.span), "nothing may span a gap"
    assert heard.of(GateReading)[-1].span.start >= gap.span.end
    assert heard.of(Health)[-1].lost == gap.lost
    assert heard.of(SourceState)[-1].span.start == engine_index(len(sound) + lost, rate)


def test_what_is_open_is_closed_by_a_gap(models: Models, sound: np.ndarray) -> None:
    run, heard = runner(models)
    whole, all_heard = runner(models)
    whole.take(AudioBlock(sound, 0))
    onset = next(change for change in all_heard.of(ActivityChange) if change.active)
    inside = onset.span.end + 9_600
    run.take(AudioBlock(sound[:inside], 0))
    assert [change.active for change in heard.of(ActivityChange)][-1:] == [True]
    run.take(AudioBlock(sound[inside:], inside + 10_000, SECOND, 10_000))
    order = [type(reading) for reading in heard.readings if isinstance(reading, ActivityChange | StreamGap)]
    assert order.index(StreamGap) >= 1
    closed = [reading for reading in heard.readings if isinstance(reading, ActivityChange | StreamGap)]
    before_gap = closed[order.index(StreamGap) - 1]
    assert isinstance(before_gap, ActivityChange)
    assert not before_gap.active


def test_a_source_that_was_gone_and_lost_nothing_begins_anew_without_a_gap(models: Models, sound: np.ndarray) -> None:
    run, heard = runner(models)
    middle = 5 * SECOND + 1
    run.take(AudioBlock(sound[:middle], 0))
    run.flush()
    run.flush()
    run.change_state(SourceCondition.LOST, "unplugged")
    run.take(AudioBlock(sound[middle:], middle))
    run.end()
    assert heard.of(StreamGap) == []
    assert all(not (r.span.start < middle < r.span.end) for r in heard.of(GateReading))
    assert heard.of(SourceState)[-1].span.end == len(sound)


def test_a_source_that_comes_back_at_another_rate(models: Models, sound: np.ndarray) -> None:
    run, heard = runner(models)
    run.take(AudioBlock(sound[: 3 * SECOND], 0))
    run.change_rate(16_000)
    begin = native_index(3 * SECOND, 16_000) + 160
    run.take(AudioBlock(sound[: 16_000 * 4], begin, 16_000, 160, lost_estimated=True), "started again")
    run.end()
    (gap,) = heard.of(StreamGap)
    assert (gap.lost, gap.estimated) == (480, True)
    assert gap.span.end == 3 * SECOND + 480
    assert heard.of(SourceState)[-1].span.end == gap.span.end + 4 * SECOND


def test_overload_drops_whole_windows_counts_them_and_keeps_time(models: Models, sound: np.ndarray) -> None:
    calm, all_heard = runner(models)
    calm.take(AudioBlock(sound, 0))
    calm.end()
    busy, some_heard = runner(models)
    busy.take(AudioBlock(sound[: 4 * SECOND], 0))
    busy.shed(True)
    busy.take(AudioBlock(sound[4 * SECOND : 7 * SECOND], 4 * SECOND))
    busy.shed(False)
    busy.take(AudioBlock(sound[7 * SECOND :], 7 * SECOND))
    busy.end()
    everything = {reading.span: reading.probability for reading in all_heard.of(GateReading)}
    kept = {reading.span: reading.probability for reading in some_heard.of(GateReading)}
    assert kept.items() <= everything.items(), "what was scored must be what would have been scored"
    (birds,) = some_heard.of(Health)[-1].branches
    assert birds.dropped_windows == len(everything) - len(kept) == 6


def test_utc_of_readings_follows_the_recordings_start(models: Models, sound: np.ndarray) -> None:
    times: list[tuple[int, int | None]] = []
    run = StreamRunner(
        "garden", SECOND, models, lambda _, reading, utc: times.append((reading.span.start, utc)), start_utc_ns=10**18
    )
    run.take(AudioBlock(sound, 0))
    run.end()
    assert all(utc == 10**18 + start * 10**9 // SECOND for start, utc in times)
