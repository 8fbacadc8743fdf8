"""The privacy mode as text and as JSON Lines."""

from __future__ import annotations

import json

from monitor.core.clock import samples
from monitor.core.privacy_readings import PrivacyChange, PrivacyReason, PrivacyState
from monitor.core.types import Span
from monitor.export.jsonl import to_json_line
from monitor.export.text import to_text_line

OVER = PrivacyChange(Span(samples(10), samples(45)), PrivacyState.WATCHING, PrivacyReason.SPEECH, clips=2)


def test_lines_say_what_is_withheld_and_why() -> None:
    begun = PrivacyChange(Span(samples(10), samples(20)), PrivacyState.WITHHOLDING, PrivacyReason.VOICE)
    start = PrivacyChange(Span(0, 0), PrivacyState.WATCHING, PrivacyReason.NONE)
    lines = [to_text_line("mic", one, None) for one in (start, begun, OVER)]
    assert lines == [
        "0:00:00.0  mic  privacy mode: clips and spectrogram only where nobody speaks",
        "0:00:10.0  mic  privacy: voice, clips and spectrogram are withheld",
        "0:00:45.0  mic  privacy: over after 35 s (speech), 2 clips not written",
    ]


def test_a_json_line_has_every_field() -> None:
    line = json.loads(to_json_line("mic", OVER, None))
    assert line == {
        "type": "privacy",
        "source": "mic",
        "start_s": 10.0,
        "end_s": 45.0,
        "utc": None,
        "state": "watching",
        "reason": "speech",
        "clips": 2,
    }
