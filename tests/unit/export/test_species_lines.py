"""Detections of known species as lines for people and as JSON Lines."""

from __future__ import annotations

import json

from monitor.core.species_readings import SoundKind, SpeciesDetection
from monitor.core.types import Span
from monitor.export.jsonl import to_json_line
from monitor.export.text import to_text_line

UTC = 1_778_398_200_000_000_000
SPAN, BEST = Span(48_000, 336_000), Span(48_000, 192_000)
LABEL = "Turdus merula_Common Blackbird"
BLACKBIRD = SpeciesDetection(
    SPAN, LABEL, "Turdus merula", "Common Blackbird", SoundKind.BIRD, 0.934, BEST, {LABEL: 0.934}, 0.25, "birdnet@2.4.0"
)
ENGINE = SpeciesDetection(
    SPAN, "Engine_Engine", "", "Engine", SoundKind.SOUND, 0.5, BEST, {}, 0.0, "birdnet@2.4.0", continues=True
)


def test_lines_for_people_are_told_at_the_end_and_say_what_it_is() -> None:
    assert to_text_line("rec.wav", BLACKBIRD, None) == "0:00:07.0  rec.wav  Common Blackbird (bird), 93%"
    assert to_text_line("rec.wav", BLACKBIRD, UTC) == "2026-05-10T07:30:06Z  rec.wav  Common Blackbird (bird), 93%"
    assert to_text_line("rec.wav", ENGINE, None) == "0:00:07.0  rec.wav  Engine (sound), 50%, the same call"


def test_as_json() -> None:
    line = to_json_line("rec.wav", BLACKBIRD, UTC)
    assert line is not None
    assert json.loads(line) == {
        "type": "species",
        "source": "rec.wav",
        "start_s": 1.0,
        "end_s": 7.0,
        "utc": "2026-05-10T07:30:00.000Z",
        "label": LABEL,
        "scientific": "Turdus merula",
        "common": "Common Blackbird",
        "kind": "bird",
        "score": 0.934,
        "best": {"start_s": 1.0, "end_s": 4.0},
        "probabilities": {LABEL: 0.934},
        "voice": 0.25,
        "model": "birdnet@2.4.0",
        "continues": False,
        "suppressed": "",
    }
