"""What a newcomer is told."""

from __future__ import annotations

from monitor.bus.live_state import LiveState
from monitor.core.events import ActivityChange, LevelReading, SourceCondition, SourceState
from monitor.core.types import Span


def activity(active: bool) -> ActivityChange:
    return ActivityChange(Span(0, 10), active, 0.9, Span(0, 10))


def state(condition: SourceCondition) -> SourceState:
    return SourceState(Span(0, 0), condition)


def test_the_last_of_each_counts():
    live = LiveState()
    for clipped in range(3):
        live.note("a", None, None, LevelReading(Span(0, 1), -1.0, -1.0, clipped))
        live.note("b", None, None, LevelReading(Span(0, 1), -1.0, -1.0, clipped))
    live.note("a", None, 1, state(SourceCondition.STARTING))
    live.note("a", None, 2, state(SourceCondition.LISTENING))
    assert [(source, reading.clipped) for source, _, _, reading in live.live] == [("a", 2), ("b", 2)]
    assert [(row, reading.state) for _, _, row, reading in live.states] == [(2, SourceCondition.LISTENING)]


def test_an_activity_is_open_until_it_ends():
    live = LiveState()
    live.note("a", None, 1, activity(True))
    assert [row for _, _, row, _ in live.open_activities] == [1]
    live.note("a", None, 2, activity(False))
    assert live.open_activities == []
    live.note("a", None, 3, activity(True))
    live.note("a", None, 4, state(SourceCondition.ENDED))
    assert live.open_activities == []


def test_of_a_folder_of_recordings_only_the_newest_are_kept():
    live = LiveState()
    for number in range(200):
        live.note(f"{number}.wav", None, 2 * number + 1, state(SourceCondition.LISTENING))
        live.note(f"{number}.wav", None, None, LevelReading(Span(0, 1), -1.0, -1.0, 0))
        live.note(f"{number}.wav", None, 2 * number + 2, state(SourceCondition.ENDED))
    assert len(live.states) <= LiveState.SOURCES
    assert len(live.live) <= LiveState.SOURCES
    assert live.states[-1][0] == "199.wav"


def test_sources_that_still_run_are_never_forgotten():
    live = LiveState()
    for number in range(LiveState.SOURCES + 10):
        live.note(f"mic {number}", None, number + 1, state(SourceCondition.LISTENING))
    assert len(live.states) == LiveState.SOURCES + 10
