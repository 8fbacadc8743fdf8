"""Whatever arrives and whatever is lost: events complete, in order and once; live readings delivered or counted."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.bus.cursor import EventCursor, LiveSequence


@settings(deadline=None)
@given(
    total=st.integers(0, 60),
    start=st.integers(0, 20),
    gone=st.integers(0, 30),
    steps=st.lists(st.tuples(st.sampled_from(["live", "beat", "page"]), st.integers(1, 7)), max_size=80),
)
def test_events_come_complete_in_order_and_once(total, start, gone, steps):
    """A log of `total` events, the first `gone` of which were removed, and a stream from which any may be lost."""
    cursor = EventCursor(start)
    delivered: list[int] = []
    told_gone = 0
    written = start

    def page(limit: int) -> None:
        nonlocal told_gone
        rows = [row for row in range(cursor.position + 1, written + 1) if row > gone][:limit]
        through = rows[-1] if len(rows) == limit else written
        wanted, missing = cursor.page(rows, through)
        delivered.extend(rows[index] for index in wanted)
        told_gone += missing

    for kind, number in steps:
        if kind == "live":
            written = min(written + number, max(start, total))  # of these, only the last one arrives
            if written > start and cursor.offer(written):
                delivered.append(written)
        elif kind == "beat":
            cursor.note(written)
        elif cursor.behind:
            page(number)
    cursor.note(written)
    while cursor.behind:
        page(5)
    assert delivered == sorted(set(delivered))
    assert len(delivered) + told_gone == written - start
    assert set(range(max(start, gone) + 1, written + 1)) <= set(delivered)


def test_a_log_that_lost_its_newest_rows_is_not_asked_for_ever():
    cursor = EventCursor(5)
    cursor.note(9)
    assert cursor.page([], 5) == ([], 0)
    assert not cursor.behind


@settings(deadline=None)
@given(st.lists(st.sampled_from(["heard", "lost", "told", "again"])))
def test_live_readings_are_delivered_or_counted(steps):
    sequence = LiveSequence(10)
    published, delivered, missed = 10, 0, 0
    for step in steps:
        if step == "told":
            missed += sequence.told(published)
        elif step == "again":
            assert sequence.reading(10) is None
        else:
            published += 1
            if step == "heard":
                lost = sequence.reading(published)
                assert lost is not None
                missed += lost
                delivered += 1
    missed += sequence.told(published)
    assert delivered + missed == published - 10
