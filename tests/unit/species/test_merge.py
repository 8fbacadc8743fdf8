"""Consecutive hits become one detection."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.types import Span
from monitor.species.labels import parse_label
from monitor.species.merge import LONGEST, Hit, Merge, WindowHits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.core.species_readings import SpeciesDetection

SECOND = 48_000
LABELS = [parse_label(text, "bird") for text in ("Turdus merula_Blackbird", "Parus major_Great Tit", "Engine_Engine")]


def window(start_s: float, probabilities: dict[int, float], length_s: float = 3.0, voice: float = 0.0) -> WindowHits:
    ranked = sorted(probabilities.items(), key=lambda item: -item[1])
    hits = tuple(Hit(LABELS[place], value) for place, value in ranked)
    span = Span(round(start_s * SECOND), round((start_s + length_s) * SECOND))
    return WindowHits(span, hits, tuple((hit.label.text, hit.probability) for hit in hits), voice)


def merged(windows: Iterable[WindowHits]) -> list[SpeciesDetection]:
    stage = Merge("tones@1.0.0", 6 * SECOND)
    return [detection for item in windows for detection in stage.push(item)] + list(stage.flush())


def seconds_of(detection: SpeciesDetection) -> tuple[float, float]:
    return detection.span.start / SECOND, detection.span.end / SECOND


def test_windows_that_touch_are_one_detection_with_its_best_window() -> None:
    (found,) = merged([window(0, {}), window(3, {0: 0.5}, voice=0.2), window(6, {0: 0.9}), window(9, {0: 0.7})])
    assert seconds_of(found) == (3, 12)
    assert (found.score, found.best) == (0.9, Span(6 * SECOND, 9 * SECOND))
    assert found.probabilities == {LABELS[0].text: 0.9}
    assert (found.scientific, found.common, found.voice) == ("Turdus merula", "Blackbird", 0.2)
    assert found.model == "tones@1.0.0"
    assert not found.continues


def test_it_is_told_with_the_first_window_without_it() -> None:
    stage = Merge("tones@1.0.0", 6 * SECOND)
    assert stage.push(window(0, {0: 0.5})) == []
    assert [seconds_of(one) for one in stage.push(window(3, {1: 0.5}))] == [(0, 3)]
    assert [one.label for one in stage.flush()] == [LABELS[1].text]
    assert stage.flush() == []


def test_a_window_between_parts_two_detections_unless_windows_overlap() -> None:
    assert [seconds_of(one) for one in merged([window(0, {0: 0.5}), window(3, {}), window(6, {0: 0.5})])] == [
        (0, 3),
        (6, 9),
    ]
    overlapping = [window(0, {0: 0.5}), window(1, {}), window(2, {0: 0.6}), window(3, {}), window(5, {})]
    assert [seconds_of(one) for one in merged(overlapping)] == [(0, 5)]


def test_windows_that_were_not_heard_part_two_detections() -> None:
    found = merged([window(0, {0: 0.5}), window(9, {0: 0.5})])
    assert [seconds_of(one) for one in found] == [(0, 3), (9, 12)]
    assert not any(one.continues for one in found)


def test_a_bird_that_never_stops_is_told_of_in_pieces() -> None:
    found = merged([window(3 * number, {0: 0.5}) for number in range(12)])
    assert [seconds_of(one) for one in found] == [(0, 15), (15, 30), (30, 36)]
    assert [one.continues for one in found] == [False, True, True]


def test_windows_come_in_order() -> None:
    stage = Merge("tones@1.0.0", 6 * SECOND)
    stage.push(window(3, {}))
    with pytest.raises(ValueError, match="a gap needs reset"):
        stage.push(window(0, {}))


@given(
    marks=st.lists(st.sets(st.integers(0, 2)), min_size=1, max_size=40),
    hop_s=st.sampled_from([0.5, 1.0, 1.5, 3.0, 4.0]),
)
def test_every_hit_is_in_one_detection_and_nothing_else_is(marks: list[set[int]], hop_s: float) -> None:
    windows = [
        window(hop_s * number, dict.fromkeys(here, 0.3 + 0.01 * (number % 7))) for number, here in enumerate(marks)
    ]
    found = merged(windows)
    for place, label in enumerate(LABELS):
        mine = [one for one in found if one.label == label.text]
        hit = [item for item, here in zip(windows, marks, strict=True) if place in here]
        for item in hit:
            assert any(one.span.start <= item.span.start and item.span.end <= one.span.end for one in mine)
        starts, ends = {item.span.start for item in hit}, {item.span.end for item in hit}
        for one in mine:
            assert one.span.start in starts
            assert one.span.end in ends
            assert one.span.length <= max(LONGEST, 3 * SECOND)
            inside = [
                found_hit.probability
                for item in hit
                for found_hit in item.hits
                if found_hit.label is label and one.span.start <= item.span.start and item.span.end <= one.span.end
            ]
            assert one.score <= max(inside)
        assert [one.span.start for one in mine] == sorted(one.span.start for one in mine)
        # Apart, or a long one that goes on.
        for before, after in pairwise(mine):
            assert after.continues or after.span.start > before.span.end
