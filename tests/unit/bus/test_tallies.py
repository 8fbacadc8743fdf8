"""How often each species was heard: the engine's count and the screen's are one rule, and a newcomer gets it exact."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.bus.client import BusClient
from monitor.bus.live_state import LiveState
from monitor.bus.messages import Snapshot
from monitor.bus.tallies import SpeciesTally, Tallies
from monitor.core.events import SourceCondition, SourceState, TagDetection
from monitor.core.types import Span
from tests.helpers.bus_readings import first
from tests.helpers.engine_thread import events, hear_until

LISTENING = SourceState(Span(0, 0), SourceCondition.LISTENING)


def tag(
    label: str | None, start: int, end: int, *, score: float = 0.9, provisional: bool = False, continues: bool = False
) -> TagDetection:
    return TagDetection(Span(start, end), label, score, 0.5, None, provisional, continues)


def test_a_call_counts_once_and_provisional_tags_do_not() -> None:
    tallies = Tallies()
    for reading in (
        tag("robin", 0, 10, provisional=True),
        tag("robin", 0, 20),
        tag("wren", 30, 35, provisional=True),
        tag(None, 30, 40, score=0.2),
        tag("robin", 50, 60, score=0.7),
        tag("robin", 50, 75, score=0.8, continues=True),
    ):
        tallies.fold(reading)
    assert tallies.oldest_first == (SpeciesTally(None, 1, 0.2, 40), SpeciesTally("robin", 2, 0.8, 75))


def test_a_continued_call_whose_beginning_is_unknown_counts() -> None:
    tallies = Tallies()
    tallies.fold(tag("robin", 0, 20, continues=True))
    assert tallies.oldest_first == (SpeciesTally("robin", 1, 0.9, 20),)


def test_a_stream_that_begins_anew_begins_with_nothing() -> None:
    tallies = Tallies([SpeciesTally("robin", 4, 0.9, 100)])
    tallies.fold(SourceState(Span(90, 90), SourceCondition.STALLED))
    assert len(tallies) == 1
    tallies.fold(LISTENING)
    assert len(tallies) == 0


tags = st.lists(
    st.builds(
        tag,
        st.sampled_from(["robin", "wren", None]),
        st.just(0),
        st.integers(1, 100),
        provisional=st.booleans(),
        continues=st.booleans(),
    )
)


@given(tags, tags)
def test_counting_on_from_what_was_told_is_counting_all_of_it(before: list[TagDetection], after: list[TagDetection]):
    whole, told = Tallies(), Tallies()
    for one in [*before, *after]:
        whole.fold(one)
    for one in before:
        told.fold(one)
    newcomer = Tallies(told.oldest_first)
    for one in after:
        newcomer.fold(one)
    assert newcomer.oldest_first == whole.oldest_first


def test_the_engine_counts_by_source_and_forgets_with_the_source() -> None:
    live = LiveState()
    for number in range(LiveState.SOURCES + 40):
        live.note(f"{number}.wav", None, 3 * number + 1, LISTENING)
        live.note(f"{number}.wav", None, 3 * number + 2, tag("robin", 0, number + 1))
        live.note(f"{number}.wav", None, 3 * number + 3, SourceState(Span(9, 9), SourceCondition.ENDED))
    told = {one.source: one.species for one in live.tallies}
    assert len(told) <= LiveState.SOURCES
    newest = LiveState.SOURCES + 39
    assert told[f"{newest}.wav"] == (SpeciesTally("robin", 1, 0.9, newest + 1),)


def test_a_newcomer_is_told_of_tags_that_lie_before_the_history_it_gets(engine) -> None:
    def publish(server) -> None:
        server.publish("mic", LISTENING, None)
        for number in range(40):
            server.publish("mic", tag("robin" if number % 4 else None, number, number + 1), None)

    engine.do(publish)
    with BusClient(engine.addresses.commands, history=5) as client:
        heard = hear_until(client, lambda heard: len(events(heard)) >= 5)
    (told,) = first(heard, Snapshot).tallies
    assert told.source == "mic"
    assert {one.label: one.count for one in told.species} == {"robin": 30, None: 10}
    assert told.species[-1].last_end == 40
