"""The audio that is held gives back exactly what was heard, never across a gap, and never grows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.types import AudioBlock, Span
from monitor.engine.audio_history import AudioHistory, Histories
from monitor.errors import UsageError

HELD = 1000


def block(start: int, length: int) -> AudioBlock:
    return AudioBlock(np.arange(start, start + length, dtype=np.float32), start)


def filled(*pieces: tuple[int, int]) -> AudioHistory:
    history = AudioHistory(HELD)
    for start, end in pieces:
        history.append(block(start, end - start))
    return history


@given(st.lists(st.integers(1, 90), min_size=1, max_size=60), st.data())
def test_what_was_heard_comes_back_whatever_the_blocks(lengths: list[int], data: st.DataObject) -> None:
    history, at = AudioHistory(HELD), 0
    for length in lengths:
        history.append(block(at, length))
        at += length
    held = history.span
    assert held.end == at
    assert min(HELD, at) <= held.length < HELD + 90
    start = data.draw(st.integers(held.start, held.end - 1))
    end = data.draw(st.integers(start + 1, held.end + 50))
    around = data.draw(st.integers(0, 60))
    excerpt = history.cut(Span(start, end), around)
    assert excerpt.span == Span(max(held.start, start - around), min(at, min(end, at) + around))
    assert np.array_equal(excerpt.samples, np.arange(excerpt.span.start, excerpt.span.end))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 90)), min_size=1, max_size=40), st.data())
def test_nothing_is_given_across_a_gap(pieces: list[tuple[int, int]], data: st.DataObject) -> None:
    history, at = AudioHistory(HELD), 0
    heard: set[int] = set()
    for gap, length in pieces:
        at += gap
        history.append(block(at, length))
        heard |= set(range(at, at + length))
        at += length
    held = history.span
    start = data.draw(st.integers(held.start, held.end - 1))
    end = data.draw(st.integers(start + 1, held.end))
    whole = set(range(start, end)) <= heard
    try:
        excerpt = history.cut(Span(start, end), 20)
    except UsageError as error:
        assert not whole
        assert "lost" in error.why
    else:
        assert whole
        assert excerpt.span.start <= start < end <= excerpt.span.end
        assert np.array_equal(excerpt.samples, np.arange(excerpt.span.start, excerpt.span.end))
        assert set(range(excerpt.span.start, excerpt.span.end)) <= heard


@pytest.mark.parametrize(
    ("wanted", "why"),
    [((100, 200), "no longer held"), ((3000, 3100), "nothing was heard"), ((2500, 2500), "nothing was heard")],
)
def test_what_is_not_there_is_refused_with_the_reason(wanted: tuple[int, int], why: str) -> None:
    history = filled(*((start, start + 100) for start in range(0, 3000, 100)))
    with pytest.raises(UsageError) as refused:
        history.cut(Span(*wanted))
    assert why in refused.value.why
    with pytest.raises(UsageError, match="nothing was heard"):
        AudioHistory().cut(Span(0, 10))


def test_the_excerpt_is_its_owners() -> None:
    history = filled((0, 100))
    history.cut(Span(10, 20)).samples[:] = 0.0
    assert history.cut(Span(10, 20), 0).samples.tolist() == list(range(10, 20))


def test_a_stream_that_goes_back_begins_anew() -> None:
    history = filled((0, 100), (100, 200), (0, 50))
    assert history.span == Span(0, 50)
    with pytest.raises(ValueError, match="48000"):
        history.append(AudioBlock(np.zeros(3, np.float32), 0, 16_000))


def test_few_sources_are_held_and_a_strange_file_name_is_found_as_it_is_spelt() -> None:
    histories = Histories(sources=2)
    for name in ("a", "b", "night-\udcff.wav"):
        histories.hear(name, block(0, 100))
    assert histories.cut("night-\\udcff.wav", Span(10, 20)).span.start == 0
    with pytest.raises(UsageError, match="no audio of it is held"):
        histories.cut("a", Span(10, 20))
