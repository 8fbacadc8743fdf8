"""What the screen makes of tags: the panel, the names on the spectrogram, the rows of the list. Without a terminal."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from monitor.bus.messages import Reconnected, Snapshot, SourceTallies
from monitor.bus.tallies import SpeciesTally
from monitor.core.events import ActivityChange, SourceCondition, TagDetection
from monitor.core.types import Span
from monitor.tui.calls import Call
from monitor.tui.labels import place_labels
from monitor.tui.state import ScreenState
from monitor.tui.timeline import Timeline
from monitor.tui.widgets.birds import species_rows
from monitor.tui.wording import ago, event_words, fit
from tests.tui.scenes import Scene, s

if TYPE_CHECKING:
    from monitor.tui.source import SourceView


def fold(*messages: object) -> ScreenState:
    state = ScreenState()
    for message in messages:
        state.apply(message, 0.0)
    return state


def view_of(state: ScreenState) -> SourceView:
    assert state.current is not None
    return state.current


def listed(state: ScreenState) -> list[str]:
    return [" ".join(event_words(event, 0)[:1]) for event in view_of(state).events]


# ---------------------------------------------------------------------------------------------------------- the panel


def test_species_are_listed_by_when_they_were_last_heard_and_unknown_last() -> None:
    scene = Scene()
    state = fold(
        *scene.called("robin", 0, 3, 0.88),
        *scene.called("great tit", 5, 8),
        *scene.called(None, 20, 22, 0.2),
        *scene.called("robin", 30, 33, 0.7),
        *scene.listen(150, 152, birds=False),
    )
    assert species_rows(view_of(state)) == [
        ("robin", "2", "70 %", "1:59", False),
        ("great tit", "1", "93 %", "2:24", False),
        ("unknown", "1", "", "2:10", False),
    ]


def test_a_provisional_tag_is_shown_until_the_final_one_comes() -> None:
    scene = Scene()
    state = fold(*scene.called("robin", 0, 3), scene.onset(10), scene.tag("great tit", 10, 11, 0.6, provisional=True))
    assert species_rows(view_of(state)) == [("great tit?", "", "", "now", True), ("robin", "1", "93 %", "0:00", False)]
    state.apply(scene.silence(10, 14), 0.0)
    state.apply(scene.tag("robin", 10, 14, 0.8), 0.0)
    (row,) = species_rows(view_of(state))
    assert row[:3] == ("robin", "2", "80 %")


def test_a_provisional_tag_that_was_left_alone_does_not_stay() -> None:
    scene = Scene()
    state = fold(scene.onset(10), scene.tag(None, 10, 11, 0.6, provisional=True), *scene.listen(25, 27, birds=False))
    assert species_rows(view_of(state)) == []
    state = fold(scene.onset(10), scene.tag("wren", 10, 11, 0.6, provisional=True), scene.silence(10, 12))
    state.apply(scene.onset(15), 0.0)
    assert species_rows(view_of(state)) == []


def test_a_call_that_goes_on_is_one_call_and_one_row() -> None:
    scene = Scene()
    state = fold(
        *scene.called("robin", 0, 3),
        scene.onset(5),
        scene.tag(None, 5, 6, 0.1, provisional=True),
        scene.silence(5, 9),
        scene.tag("robin", 0, 9, 0.97, continues=True),
    )
    (row,) = species_rows(view_of(state))
    assert row[:3] == ("robin", "1", "97 %")
    assert listed(state) == ["robin"]
    assert view_of(state).events_seen == 1
    tagged = [(call.span, call.tag.score if call.tag else None) for call in view_of(state).calls]
    assert tagged == [(Span(s(5), s(9)), 0.97), (Span(0, s(3)), 0.93)]


def test_late_comers_count_exactly_as_those_who_were_there() -> None:
    scene = Scene()
    told = [scene.state(SourceCondition.LISTENING)]
    for number in range(30):
        told += scene.called("robin" if number % 3 else None, 4 * number, 4 * number + 2)
    early = fold(*told)
    through = 60
    counted = fold(*(one for one in told if one.event_id <= through)).current
    assert counted is not None
    tallies = (SourceTallies("garden-mic", counted.tallies.oldest_first),)
    snapshot = Snapshot("run", "1", through, (), (told[0],), (), tallies)
    late = fold(snapshot, *(one for one in told if one.event_id > 40))
    assert view_of(late).tallies.oldest_first == view_of(early).tallies.oldest_first


def test_another_run_counts_from_its_own_beginning() -> None:
    scene = Scene()
    state = fold(*scene.called("robin", 0, 3))
    state.apply(Reconnected("other", restarted=True, new_log=False), 0.0)
    assert species_rows(view_of(state)) == []
    listening = scene.state(SourceCondition.LISTENING)
    told = SourceTallies("garden-mic", (SpeciesTally("wren", 7, 0.5, s(3)),))
    state.apply(Snapshot("other", "1", 99, (), (listening,), (), (told,)), 0.0)
    (row,) = species_rows(view_of(state))
    assert row[:2] == ("wren", "7")


def test_a_species_list_is_not_kept_apart_from_its_source() -> None:
    one, other = Scene("a.wav"), Scene("b.wav")
    state = fold(*one.called("robin", 0, 3), *other.called("wren", 0, 3))
    assert [row[0] for row in species_rows(state.sources["a.wav"])] == ["robin"]
    assert [row[0] for row in species_rows(state.sources["b.wav"])] == ["wren"]


# ------------------------------------------------------------------------------------------------------ list of events


def test_a_final_tag_takes_the_place_of_its_activity_and_a_provisional_one_is_not_listed() -> None:
    scene = Scene()
    state = fold(scene.onset(3), scene.tag("wren", 3, 4, provisional=True))
    assert listed(state) == ["bird"]
    state.apply(scene.silence(3, 6), 0.0)
    assert listed(state) == ["bird"]
    state.apply(scene.tag("wren", 3, 6, 0.934), 0.0)
    (event,) = view_of(state).events
    assert event_words(event, 0) == ("wren", "", "93 %")
    assert event.utc_ns == scene.tag("wren", 3, 6).utc_ns
    state.apply(scene.tag(None, 10, 12, 0.2), 0.0)
    assert event_words(view_of(state).events[-1], 0) == ("unknown", "", "")


def test_a_tag_that_comes_before_the_end_of_its_activity_is_one_row_too() -> None:
    scene = Scene()
    state = fold(scene.onset(3), scene.tag("wren", 3, 6), scene.silence(3, 6))
    assert listed(state) == ["wren"]


def test_without_a_tagger_nothing_changes() -> None:
    scene = Scene()
    state = fold(scene.onset(3), scene.silence(3, 6))
    assert isinstance(view_of(state).events[0].reading, ActivityChange)
    assert species_rows(view_of(state)) == []


# -------------------------------------------------------------------------------------------------------------- calls


def test_calls_of_all_sources_come_newest_first() -> None:
    one, other = Scene("a.wav"), Scene("b.wav")
    state = fold()
    for number in range(3):
        for scene in (one, other):
            scene._event_id = 10 * number + (scene is other)
            state.apply(scene.silence(number, number + 0.5), 0.0)
    assert [call.source for call in state.calls()] == ["b.wav", "a.wav"] * 3
    assert [call.span.start for call in state.calls()] == sorted((c.span.start for c in state.calls()), reverse=True)


def test_an_activity_told_on_joining_is_one_call_once_its_event_came() -> None:
    scene = Scene()
    opened = scene.onset(3)
    state = fold(Snapshot("run", "1", 1, (), (scene.state(SourceCondition.LISTENING),), (opened,)))
    state.apply(opened, 0.0)
    state.apply(scene.silence(3, 6), 0.0)
    (call,) = state.calls()
    assert (call.active, call.span) == (False, Span(s(3), s(6)))


# ------------------------------------------------------------------------------------------------- on the spectrogram

TIMELINE = Timeline.until(s(40), 60)


def call_at(start_s: float, end_s: float, label: str | None, *, provisional: bool = False) -> Call:
    tag = TagDetection(Span(s(start_s), s(end_s)), label, 0.9, 0.5, None, provisional)
    return Call("mic", tag.span, None, 0, False, 0.9, tag)


def test_a_name_stands_where_its_call_began() -> None:
    (unknown, robin) = place_labels([call_at(30, 32, None), call_at(20, 23, "robin")], TIMELINE, 20)
    assert (unknown.text, unknown.row) == ("?", 0)
    assert robin.first == s(20) // TIMELINE.cell - TIMELINE.first
    assert (robin.text, robin.row) == ("robin", 0)
    (light,) = place_labels([call_at(20, 23, "robin", provisional=True)], TIMELINE, 20)
    assert (light.text, light.provisional) == ("robin?", True)


def test_what_would_run_over_the_edge_begins_further_left_and_what_began_before_the_picture_at_its_edge() -> None:
    (newest, oldest) = place_labels([call_at(39, 40, "great tit"), call_at(2, 12, "robin")], TIMELINE, 20)
    assert newest.end == TIMELINE.cells
    assert oldest.first == 0
    assert place_labels([call_at(2, 9, "robin")], TIMELINE, 20) == ()


names = st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=30)


@given(
    st.lists(st.tuples(st.floats(5, 39), st.floats(0.1, 5), names, st.booleans()), max_size=25),
    st.integers(1, 160),
    st.integers(0, 40),
)
def test_names_never_overlap_and_never_hide_much(
    told: list[tuple[float, float, str | None, bool]], cells: int, height: int
) -> None:
    timeline = Timeline.until(s(40), cells)
    calls = [
        call_at(at, at + length, name, provisional=light)
        for at, length, name, light in sorted(told, key=lambda t: -t[0])
    ]
    labels = place_labels(calls, timeline, height)
    assert len({label.row for label in labels}) <= height // 5
    for label in labels:
        assert 0 <= label.first < max(1, label.end) <= cells
    for row in {label.row for label in labels}:
        spans = sorted((label.first, label.end) for label in labels if label.row == row)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


# ------------------------------------------------------------------------------------------------------------ wording


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=40), st.integers(0, 30))
def test_a_text_fits_its_cells(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) <= width
    assert cell_len(fit(text, width, fill=True)) == width
    if cell_len(text) <= width:
        assert fit(text, width) == text


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0:00"), (4, "0:04"), (130, "2:10"), (3599, "59:59"), (11_100, "3h05"), (10**6, "11 d")]
)
def test_time_since_something_fits_five_cells(seconds: int, told: str) -> None:
    assert ago(s(seconds)) == told
    assert ago(-s(1)) == "0:00"
