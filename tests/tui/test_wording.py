"""Words before numbers, numbers with units, and nothing lost is ever rounded away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.events import ActivityChange, SourceCondition, SourceState, StreamGap
from monitor.core.types import ENGINE_RATE, Span
from monitor.tui import wording
from monitor.tui.source import Event
from tests.tui.scenes import START_NS


@given(st.floats(0.0, 1.0))
def test_the_share_heard_is_never_rounded_up(share: float) -> None:
    told = float(wording.percent(share).removesuffix(" %"))
    assert told <= share * 100 + 1e-4
    assert (told == 100.0) == (share >= 1.0 - 1e-9)


@given(st.integers(1, 10**12))
def test_lost_audio_is_never_nothing(lost: int) -> None:
    assert wording.lost_time(lost) not in ("0", "0.000 s", "0.0 s")


@given(st.floats(0.0, 1e6))
def test_a_duration_is_short(value_s: float) -> None:
    told = wording.duration(value_s)
    assert len(told) <= 9
    assert ":60" not in told


@pytest.mark.parametrize(
    ("value_s", "told"),
    [(0.04, "0.0 s"), (4.2, "4.2 s"), (59.96, "60.0 s"), (125.0, "2:05 min"), (11_000, "3:03 h")],
)
def test_durations(value_s: float, told: str) -> None:
    assert wording.duration(value_s) == told


def test_time_is_utc_where_it_is_known_and_the_streams_where_not() -> None:
    index = 83 * ENGINE_RATE
    assert wording.clock_time(index, START_NS + 83_000_000_000) == "07:31:23"
    assert wording.clock_time(index, None) == " 0:01:23"


def test_a_name_keeps_its_end() -> None:
    assert wording.short_name("/recordings/night/a-very-long-name_073000.wav", 12) == "…_073000.wav"
    assert wording.short_name("mic", 12) == "mic"


def test_events_in_words() -> None:
    second = ENGINE_RATE
    call = ActivityChange(Span(0, 4 * second), False, 0.934, Span(0, second))
    onset = ActivityChange(Span(0, second), True, 0.7, Span(0, second))
    gap = StreamGap(Span(0, second), second // 100, True, "the device lost audio")
    lost = SourceState(Span(0, 0), SourceCondition.LOST, "unplugged")
    assert wording.event_words(Event(None, call), 0) == ("bird", "4.0 s", " 93 %")
    assert wording.event_words(Event(None, onset), 3 * second) == ("bird", "3.0 s", " now")
    assert wording.event_words(Event(None, gap), 0) == ("lost", "0.010 s", "about, the device lost audio")
    assert wording.event_words(Event(None, lost), 0) == ("source", "", "lost: unplugged")
    assert wording.event_urgent(Event(None, lost))
    assert not wording.event_urgent(Event(None, gap))
