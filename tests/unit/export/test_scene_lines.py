"""Scenes, and what they suppress, as lines for people and as JSON Lines."""

from __future__ import annotations

import json
from dataclasses import replace

from monitor.core.events import MachineChange, SceneChange, SceneReading, TagDetection
from monitor.core.machine_readings import MachineState
from monitor.core.scene_readings import UNKNOWN, SceneState
from monitor.core.species_readings import SoundKind, SpeciesDetection
from monitor.core.types import Span
from monitor.export.jsonl import to_json_line
from monitor.export.text import to_text_line

SPAN = Span(48_000, 98_250)
CHANGE = SceneChange(SPAN, "street_traffic", "cafe_restaurant", {"street_traffic": 0.81, "cafe_restaurant": 0.19})
WHY = "scene street_traffic"


def test_a_change_for_people() -> None:
    said = "0:00:01.0  rec.wav  scene street_traffic, 81%, before that cafe_restaurant"
    assert to_text_line("rec.wav", CHANGE, None) == said
    first = replace(CHANGE, previous=None)
    assert to_text_line("rec.wav", first, None) == "0:00:01.0  rec.wav  scene street_traffic, 81%"
    unknown = replace(CHANGE, label=UNKNOWN, previous=None)
    assert to_text_line("rec.wav", unknown, None) == "0:00:01.0  rec.wav  scene unknown"


def test_live_readings_are_for_programs() -> None:
    reading = SceneReading(SPAN, "street_traffic", {"street_traffic": 0.812345}, SceneState.READY)
    assert to_text_line("rec.wav", reading, None) is None
    line = to_json_line("rec.wav", reading, None)
    assert line is not None
    assert json.loads(line) == {
        "type": "scene",
        "source": "rec.wav",
        "start_s": 1.0,
        "end_s": 2.046875,
        "utc": None,
        "label": "street_traffic",
        "probabilities": {"street_traffic": 0.8123},
        "state": "ready",
        "detail": "",
    }


def test_a_change_for_programs() -> None:
    line = to_json_line("rec.wav", CHANGE, None)
    assert line is not None
    assert list(json.loads(line)) == [
        "type", "source", "start_s", "end_s", "utc", "label", "previous", "probabilities",
    ]  # fmt: skip
    assert json.loads(line)["type"] == "scene_change"


def test_what_was_suppressed_says_why() -> None:
    tag = TagDetection(SPAN, "robin", 0.9, 0.5, None, provisional=False, suppressed=WHY)
    assert to_text_line("rec.wav", tag, None) == f"0:00:02.0  rec.wav  robin, 90%, suppressed: {WHY}"
    heard = SpeciesDetection(SPAN, "a_b", "a", "b", SoundKind.BIRD, 0.9, SPAN, {}, 0.0, "m@1.0.0", suppressed=WHY)
    assert to_text_line("rec.wav", heard, None) == f"0:00:02.0  rec.wav  b (bird), 90%, suppressed: {WHY}"
    alarm = MachineChange(SPAN, "fan-1", MachineState.READY, False, False, 0.99, suppressed=WHY)
    assert to_text_line("rec.wav", alarm, None) == f"0:00:01.0  rec.wav  fan-1: alarm, suppressed: {WHY}"
    line = to_json_line("rec.wav", tag, None)
    assert line is not None
    assert json.loads(line)["suppressed"] == WHY
