"""What the screen knows, without a terminal."""

from __future__ import annotations

from monitor.bus.messages import Garbled, Heartbeat, Missed, Reconnected, Silent
from monitor.core.events import BranchCondition, BranchHealth, SourceCondition
from monitor.tui.conditions import conditions
from monitor.tui.source import EVENTS_KEPT
from monitor.tui.state import SOURCES_KEPT, ScreenState
from tests.tui import scenes
from tests.tui.scenes import Scene


def fold(*messages: object, now_s: float = 0.0) -> ScreenState:
    state = ScreenState()
    for message in messages:
        state.apply(message, now_s)
    return state


def told(state: ScreenState, now_s: float = 0.0) -> list[str]:
    return [condition.what for condition in conditions(state, now_s)]


def test_nothing_is_known_at_first() -> None:
    state = ScreenState()
    assert state.current is None
    assert conditions(state, 0.0) == []
    state.next_source()


def test_a_garden_is_folded_in() -> None:
    view = fold(*scenes.garden(41.0)).current
    assert view is not None
    assert (view.name, view.condition, view.head) == ("garden-mic", SourceCondition.LISTENING, scenes.s(41.0))
    assert view.head_utc_ns == scenes.START_NS + 41_000_000_000
    assert view.columns.end == scenes.s(41.0)
    assert view.open_activity is not None
    assert len(view.activities) == 5
    assert view.has_birds
    assert view.health is not None
    assert view.health.heard == 1.0


def test_an_activity_is_one_row_that_ends() -> None:
    scene = Scene()
    state = fold(scene.onset(3.0))
    assert state.current is not None
    assert len(state.current.events) == 1
    state.apply(scene.state(SourceCondition.STALLED, 5.0), 0.0)
    state.apply(scene.silence(3.0, 7.0), 0.0)
    rows = [row.reading for row in state.current.events]
    assert [row.span.length for row in rows] == [scenes.s(4.0), 0]
    assert state.current.open_activity is None


def test_everything_is_bounded() -> None:
    scene = Scene()
    state = ScreenState()
    for number in range(EVENTS_KEPT + 100):
        state.apply(scene.silence(number * 2.0, number * 2.0 + 1), 0.0)
    for second in range(0, 200, 20):
        for message in scene.listen(second, second + 20):
            state.apply(message, 0.0)
    view = state.current
    assert view is not None
    assert len(view.events) == EVENTS_KEPT
    assert len(view.gate) <= 70
    assert len(view.columns) <= 320


def test_old_sources_are_forgotten_but_never_the_one_on_the_screen() -> None:
    state = ScreenState()
    for number in range(SOURCES_KEPT + 20):
        scene = Scene(f"{number}.wav")
        state.apply(scene.state(SourceCondition.LISTENING), 0.0)
        if number == 0:
            state.pinned = "0.wav"
        state.apply(scene.state(SourceCondition.ENDED, 9.0), 0.0)
    assert len(state.sources) == SOURCES_KEPT
    assert "0.wav" in state.sources
    assert f"{SOURCES_KEPT + 19}.wav" in state.sources


def test_the_screen_follows_the_recording_that_is_heard() -> None:
    first, second = Scene("a.wav"), Scene("b.wav")
    state = fold(first.state(SourceCondition.LISTENING))
    state.apply(second.state(SourceCondition.STARTING), 0.0)
    assert state.current is state.sources["a.wav"]
    state.apply(first.state(SourceCondition.ENDED, 60.0), 0.0)
    assert state.current is state.sources["a.wav"]
    state.apply(second.state(SourceCondition.LISTENING), 0.0)
    assert state.current is state.sources["b.wav"]
    state.next_source()
    assert state.current is state.sources["a.wav"]
    state.next_source()
    assert state.current is state.sources["b.wav"]
    assert state.pinned == ""


def test_what_is_told_on_joining_is_no_news() -> None:
    scene = Scene()
    listening = scene.state(SourceCondition.LISTENING)
    state = fold(scenes.joined(listening))
    assert state.current is not None
    assert state.current.condition is SourceCondition.LISTENING
    assert not state.current.events
    state.apply(listening, 0.0)
    assert len(state.current.events) == 1


def test_another_run_begins_anew_but_keeps_the_list() -> None:
    state = fold(*scenes.garden(20.0))
    rows = len(state.current.events) if state.current else 0
    state.apply(Reconnected("other", restarted=True, new_log=False), 0.0)
    view = state.current
    assert view is not None
    assert (view.head, len(view.columns), len(view.gate), view.level) == (0, 0, 0, None)
    assert view.condition is SourceCondition.STARTING
    assert len(view.events) == rows


def test_a_gap_is_told_for_a_while_and_then_is_over() -> None:
    scene = Scene()
    state = fold(scene.state(SourceCondition.LISTENING), *scene.listen(0, 5))
    state.apply(scene.gap(5, 6), 100.0)
    assert told(state, 101.0) == ["audio lost"]
    assert "about 1.0 s at 07:30:05 UTC" in conditions(state, 101.0)[0].text
    assert told(state, 111.0) == []


def test_a_gap_long_ago_is_listed_and_makes_no_banner() -> None:
    scene = Scene()
    state = fold(scene.state(SourceCondition.LISTENING), *scene.listen(0, 60), scene.gap(5, 6))
    assert told(state) == []
    assert state.current is not None
    assert len(state.current.gaps) == 1


def test_a_lost_source_is_urgent_until_it_is_back() -> None:
    state = fold(*scenes.lost())
    found = conditions(state, 0.0)
    assert [(c.what, c.urgent) for c in found] == [("source lost", True)]
    assert "plug it in" in found[0].text
    state.apply(Scene().state(SourceCondition.LISTENING, 45.0), 0.0)
    assert told(state) == []


def test_trouble_of_a_source_that_is_not_shown_is_told_with_its_name() -> None:
    state = fold(Scene("mic").state(SourceCondition.LISTENING))
    state.apply(Scene("bad.wav").state(SourceCondition.FAILED, 0.0, "no audio in it"), 0.0)
    (found,) = conditions(state, 0.0)
    assert (found.what, found.text) == ("source failed", "bad.wav: no audio in it")


def test_branches_that_fail_are_told() -> None:
    scene = Scene()
    off = BranchHealth("birds", BranchCondition.OFF, 0.0, 3, "the model gave no number")
    slow = BranchHealth("scene", BranchCondition.DEGRADED, 0.0, 0)
    state = fold(scene.health(3.0, branches=(slow, off)))
    found = conditions(state, 0.0)
    assert [(c.what, c.urgent) for c in found] == [("birds off", True), ("scene degraded", False)]
    state.apply(scene.health(4.0), 0.0)
    assert told(state) == []


def test_a_silent_engine_is_urgent_and_the_seconds_count_on() -> None:
    state = fold(*scenes.garden(5.0))
    state.apply(Silent(4.0), 50.0)
    (found,) = conditions(state, 60.0)
    assert (found.what, found.urgent) == ("engine silent", True)
    assert "14 s" in found.text
    state.apply(Reconnected("run", restarted=False, new_log=False), 61.0)
    assert told(state, 61.0) == []


def test_an_engine_that_ends_with_its_recordings_is_no_trouble() -> None:
    state = fold(*scenes.ended(), Heartbeat(9, closing=True), Silent(4.0, closed=True))
    assert told(state) == []
    state = fold(*scenes.garden(5.0), Heartbeat(9, closing=True), Silent(4.0, closed=True))
    assert told(state) == ["engine closed"]


def test_missed_and_unreadable_messages_are_told_for_a_while() -> None:
    state = fold(Missed(12), Missed(2, events=True), Garbled("no header"), now_s=10.0)
    assert told(state, 11.0) == ["screen behind", "unreadable message"]
    assert "12 readings" in conditions(state, 11.0)[0].text
    assert "2 events" in conditions(state, 11.0)[0].text
    assert told(state, 30.0) == []


def test_a_log_that_cannot_be_written_is_urgent() -> None:
    state = fold(Heartbeat(9, log_fault="the disk is full", waiting=3))
    (found,) = conditions(state, 0.0)
    assert (found.what, found.urgent) == ("event log", True)
    assert "3 events wait" in found.text
    state.apply(Heartbeat(12), 0.0)
    assert told(state) == []


def test_synthetic_sound_is_always_told() -> None:
    state = fold(*scenes.demo())
    assert [(c.what, c.text) for c in conditions(state, 1e9)] == [("synthetic sound", "not live audio")]


def test_urgent_conditions_come_first() -> None:
    scene = Scene()
    state = fold(scene.state(SourceCondition.LOST, synthetic=True), Heartbeat(1, log_fault="full"))
    assert [c.urgent for c in conditions(state, 0.0)] == [True, True, False]
