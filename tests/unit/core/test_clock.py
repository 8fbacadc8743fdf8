"""Integers for time: the maps between indices and UTC."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.clock import (
    NANOSECONDS,
    StreamClock,
    engine_index,
    isoformat,
    native_index,
    next_grid_index,
    seconds,
)
from monitor.core.types import ENGINE_RATE

RATES = st.sampled_from([8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000, 384_000])
START = 1_778_000_000 * NANOSECONDS


@given(RATES, st.integers(0, 10**12))
def test_engine_index_is_the_floor_and_never_drifts(rate: int, index: int) -> None:
    exact = index * ENGINE_RATE
    assert engine_index(index, rate) * rate <= exact < (engine_index(index, rate) + 1) * rate


@given(RATES, st.integers(0, 10**12))
def test_native_index_is_the_first_sample_at_or_after(rate: int, index: int) -> None:
    native = native_index(index, rate)
    assert native * ENGINE_RATE >= index * rate
    assert native == 0 or (native - 1) * ENGINE_RATE < index * rate


@given(st.integers(0, 10**12))
def test_a_stream_begins_on_the_grid(index: int) -> None:
    at = next_grid_index(index)
    assert at % 3 == 0
    assert index <= at < index + 3


def test_ten_years_keep_their_nanoseconds() -> None:
    clock = StreamClock(START)
    ten_years = 315_576_000
    assert clock.utc_ns(ten_years * ENGINE_RATE) == START + ten_years * NANOSECONDS
    assert seconds(ten_years * ENGINE_RATE) == ten_years


def test_an_unknown_start_stays_unknown() -> None:
    assert StreamClock().utc_ns(0) is None


@given(st.integers(-240, 240))
def test_a_step_of_the_wall_clock_makes_one_anchor_and_moves_no_index(step_s: int) -> None:
    clock = StreamClock(START)
    for second in range(1, 20):
        shift = step_s if second >= 10 else 0
        clock.observe(second * ENGINE_RATE, START + (second + shift) * NANOSECONDS)
    assert len(clock.anchors) == (1 if step_s == 0 else 2)
    assert clock.utc_ns(5 * ENGINE_RATE) == START + 5 * NANOSECONDS
    assert clock.utc_ns(15 * ENGINE_RATE) == START + (15 + step_s) * NANOSECONDS


def test_jitter_of_the_observations_is_no_step() -> None:
    clock = StreamClock(START)
    for second in range(1, 1000):
        jitter = (-1) ** second * 50_000_000
        assert not clock.observe(second * ENGINE_RATE, START + second * NANOSECONDS + jitter)


def test_isoformat_is_utc_with_milliseconds() -> None:
    assert isoformat(1_778_398_200 * NANOSECONDS + 250_999_999) == "2026-05-10T07:30:00.250Z"
    assert isoformat(0) == "1970-01-01T00:00:00.000Z"
