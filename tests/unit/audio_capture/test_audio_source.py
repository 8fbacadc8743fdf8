from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.bus.audio_messages import PROTOCOL, AudioHeader
from monitor.bus.audio_source import RateChange, Source, SourceBlock, SourceNote
from monitor.core.clock import NANOSECONDS
from monitor.core.events import SourceCondition
from monitor.errors import BusError

RATE = 8_000


def header(start: int, frames: int, **changed: Any) -> AudioHeader:
    stamp = start * NANOSECONDS // changed.get("rate", RATE)
    fields: dict[str, Any] = {
        "protocol": PROTOCOL,
        "source": "mic",
        "stream": "first",
        "rate": RATE,
        "start": start,
        "frames": frames,
        "lost_before": 0,
        "lost_estimated": False,
        "resume": False,
        "utc_ns": 1_700_000_000 * NANOSECONDS + stamp,
        "clock_ns": stamp,
        "boot": "here",
    }
    return AudioHeader(**(fields | changed))


def samples(start: int, frames: int) -> np.ndarray:
    return np.arange(start, start + frames, dtype=np.float32)


def give(source: Source, start: int, frames: int, now_s: float = 0.0, **changed: Any) -> list[SourceBlock]:
    items = source.take(header(start, frames, **changed), samples(start, frames), round(now_s * NANOSECONDS))
    return [item for item in items if isinstance(item, SourceBlock)]


def begun(name: str = "mic") -> Source:
    source = Source(name, RATE, "first")
    (block,) = give(source, 0, 100, resume=True)
    assert (block.block.start, block.block.lost_before) == (0, 0)
    return source


def test_a_stream_begins_only_where_the_sender_says() -> None:
    source = Source("mic", RATE, "first")
    assert give(source, 500, 100) == []
    assert source.out_of_order == 1
    (block,) = give(source, 300, 100, resume=True, lost_before=40)
    assert (block.block.start, block.block.lost_before) == (40, 40)
    assert block.loss_reason


def test_duplicates_are_dropped_exactly() -> None:
    source = begun()
    assert give(source, 0, 100) == []
    (block,) = give(source, 50, 100)
    np.testing.assert_array_equal(block.block.samples, samples(100, 50))
    assert (block.block.start, block.block.lost_before, source.duplicates) == (100, 0, 150)
    assert block.utc_ns == 1_700_000_000 * NANOSECONDS + 100 * NANOSECONDS // RATE


def test_a_stated_loss_is_taken_and_an_unstated_one_is_not() -> None:
    source = begun()
    assert give(source, 150, 50, lost_before=49) == []
    assert source.out_of_order == 1
    (block,) = give(source, 150, 50, lost_before=50)
    assert (block.block.start, block.block.lost_before, block.block.lost_estimated) == (150, 50, False)
    (block,) = give(source, 230, 10, lost_before=30, lost_estimated=True)
    assert (block.block.lost_before, block.block.lost_estimated, source.lost) == (30, True, 80)


def test_what_the_sender_thinks_lost_but_arrived_is_not_lost() -> None:
    source = begun()
    (block,) = give(source, 120, 10, lost_before=120)
    assert block.block.lost_before == 20


def test_non_finite_samples_become_zero_and_are_counted() -> None:
    source = begun()
    wrong = np.array([1.0, np.nan, np.inf, -np.inf, 0.5], dtype=np.float32)
    (item,) = source.take(header(100, 5), wrong, 0)
    assert isinstance(item, SourceBlock)
    np.testing.assert_array_equal(item.block.samples, [1.0, 0.0, 0.0, 0.0, 0.5])
    assert item.non_finite == source.non_finite == 3


def test_headers_that_contradict_themselves_are_refused() -> None:
    source = begun()
    with pytest.raises(BusError, match="rate"):
        give(source, 100, 10, rate=16_000)
    with pytest.raises(BusError, match="losses"):
        give(source, 100, 10, lost_before=101)
    assert len(give(source, 100, 10)) == 1


def test_a_new_capture_process_continues_the_numbering_by_the_clock() -> None:
    source = begun()
    clock_ns = (100 + 4_000) * NANOSECONDS // RATE
    (block,) = give(source, 0, 80, stream="second", resume=True, clock_ns=clock_ns, now_s=1.0)
    assert (block.block.start, block.block.lost_before, block.block.lost_estimated) == (4_100, 4_000, True)
    assert source.rate == RATE
    (block,) = give(source, 80, 80, stream="second")
    assert (block.block.start, block.block.lost_before) == (4_180, 0)


def test_clocks_of_different_boots_are_not_compared() -> None:
    source = begun()
    utc_ns = 1_700_000_000 * NANOSECONDS + 100 * NANOSECONDS // RATE + 2 * NANOSECONDS
    (block,) = give(source, 0, 80, stream="second", resume=True, clock_ns=5, boot="there", utc_ns=utc_ns, now_s=3.0)
    assert block.block.lost_before == 2 * RATE


@pytest.mark.parametrize(("step_s", "lost_s"), [(50 * 365 * 86_400, 7), (-86_400, 0)])
def test_a_wall_clock_set_meanwhile_invents_no_years(step_s: int, lost_s: int) -> None:
    source = begun()
    utc_ns = (1_700_000_000 + step_s) * NANOSECONDS
    (block,) = give(source, 0, 80, stream="second", resume=True, boot="there", utc_ns=utc_ns, now_s=7.0)
    assert block.block.lost_before == lost_s * RATE


def test_another_rate_is_announced_and_keeps_the_moment() -> None:
    source = begun()
    clock_ns = 100 * NANOSECONDS // RATE + NANOSECONDS
    items = source.take(
        header(0, 44, stream="second", resume=True, rate=44_100, clock_ns=clock_ns), samples(0, 44), NANOSECONDS
    )
    change, block = items
    assert change == RateChange("mic", RATE, 44_100, 100, -(-100 * 44_100 // RATE))
    assert isinstance(block, SourceBlock)
    assert block.block.rate == 44_100
    assert block.block.start == change.index + block.block.lost_before == change.index + 44_100


def test_notes_only_on_change() -> None:
    source = Source("mic", RATE, "first")
    assert source.tell(SourceCondition.STARTING, "") == [SourceNote("mic", SourceCondition.STARTING, "", 0, RATE)]
    assert source.tell(SourceCondition.STARTING, "") == []
    assert not source.gone
    assert len(source.tell(SourceCondition.LOST, "x")) == 1
    assert source.gone


@given(st.data())
def test_any_delivery_of_honest_blocks_keeps_every_sample_in_place(data: st.DataObject) -> None:
    """Blocks cut anyhow, sent twice, late or never: what comes out is in order, in its place, and losses add up."""
    source = begun()
    sent_to = 100
    reached = 100
    for _ in range(data.draw(st.integers(1, 30))):
        start = data.draw(st.integers(max(0, reached - 60), sent_to + 40))
        frames = data.draw(st.integers(1, 80))
        truthful = data.draw(st.booleans())
        stated = max(0, start - data.draw(st.integers(0, reached))) if truthful else 0
        sent_to = max(sent_to, start + frames)
        before = source.received
        for item in give(source, start, frames, lost_before=min(stated, start)):
            block = item.block
            assert block.start == before + block.lost_before
            np.testing.assert_array_equal(block.samples, samples(block.start, len(block.samples)))
            assert item.end == source.received == block.end
        reached = source.received
        assert reached >= before
