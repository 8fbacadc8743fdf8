"""Tags as lines for people and as JSON Lines."""

from __future__ import annotations

import pytest

from monitor.core.events import TagDetection
from monitor.core.types import Span
from monitor.export.jsonl import to_json_line
from monitor.export.text import to_text_line

UTC = 1_778_398_200_000_000_000
SPAN = Span(48_000, 144_000)


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        (TagDetection(SPAN, "Great Tit", 0.934, 0.5, "Robin", True), "0:00:01.0  rec.wav  at first Great Tit, 93%"),
        (TagDetection(SPAN, "Great Tit", 0.934, 0.5, "Robin", False), "0:00:03.0  rec.wav  Great Tit, 93%"),
        (
            TagDetection(SPAN, "Great Tit", 0.9, 0.9, None, False, True),
            "0:00:03.0  rec.wav  Great Tit, 90%, the same call",
        ),
        (
            TagDetection(SPAN, None, 0.41, 0.2, "Robin", False),
            "0:00:03.0  rec.wav  unknown bird, most like Robin (41%)",
        ),
        (TagDetection(SPAN, None, 0.0, 0.0, None, True), "0:00:01.0  rec.wav  at first unknown bird"),
    ],
)
def test_a_tag_for_people(tag: TagDetection, told: str) -> None:
    assert to_text_line("rec.wav", tag, None) == told


def test_a_final_tag_is_told_when_it_is_known() -> None:
    tag = TagDetection(SPAN, "Great Tit", 0.934, 0.5, "Robin", False)
    assert to_text_line("rec.wav", tag, UTC) == "2026-05-10T07:30:02Z  rec.wav  Great Tit, 93%"


def test_a_tag_as_json() -> None:
    tag = TagDetection(SPAN, "Turdus merula_Common Blackbird", 0.98765, 0.25, None, False, True)
    assert to_json_line("rec.wav", tag, UTC) == (
        '{"type":"tag","source":"rec.wav","start_s":1.0,"end_s":3.0,"utc":"2026-05-10T07:30:00.000Z",'
        '"label":"Turdus merula_Common Blackbird","score":0.9877,"margin":0.25,"runner_up":null,'
        '"provisional":false,"continues":true,"suppressed":""}'
    )
    unknown = to_json_line("rec.wav", TagDetection(SPAN, None, 0.5, 0.5, "Robin", True), None)
    assert unknown is not None
    assert '"label":null' in unknown
    assert '"runner_up":"Robin"' in unknown


@pytest.mark.parametrize(
    ("score", "margin"), [(1.01, 0.5), (-0.01, 0.0), (float("nan"), 0.0), (0.5, 1.01), (0.5, -0.1)]
)
def test_scores_that_are_no_probabilities_are_refused(score: float, margin: float) -> None:
    with pytest.raises(ValueError, match=r"must be within 0\.\.1"):
        TagDetection(SPAN, "a", score, margin, None, False)
