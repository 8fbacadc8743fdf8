"""JSON Lines: the same text for the same reading, in a fixed order, without NaN."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.events import (
    READING_TYPES,
    ActivityChange,
    BranchCondition,
    BranchHealth,
    GateReading,
    Health,
    LevelReading,
    SourceCondition,
    SourceState,
    Spectrum,
    StreamGap,
)
from monitor.core.types import ENGINE_RATE, Span
from monitor.export.jsonl import is_written, to_json_line
from tests.helpers.readings import readings, readings_of

UTC = 1_778_398_200_000_000_000


def test_an_activity():
    reading = ActivityChange(Span(48_000, 120_001), False, 0.987654, Span(72_000, 122_400))
    assert to_json_line("rec.wav", reading, UTC) == (
        '{"type":"activity","source":"rec.wav","start_s":1.0,"end_s":2.500021,"utc":"2026-05-10T07:30:00.000Z",'
        '"active":false,"probability":0.9877,"peak":{"start_s":1.5,"end_s":2.55}}'
    )


def test_a_level():
    reading = LevelReading(Span(0, 9600), -31.23456, -0.00001, 3)
    assert to_json_line("-", reading, None) == (
        '{"type":"level","source":"-","start_s":0.0,"end_s":0.2,"utc":null,'
        '"rms_dbfs":-31.2346,"peak_dbfs":0.0,"clipped":3}'
    )


def test_a_gap_and_a_source():
    assert to_json_line("mic", StreamGap(Span(48, 96), 48, True, "overflow"), None) == (
        '{"type":"gap","source":"mic","start_s":0.001,"end_s":0.002,"utc":null,'
        '"lost":48,"estimated":true,"reason":"overflow"}'
    )
    assert to_json_line("mic", SourceState(Span(0, 0), SourceCondition.LOST, 'the "USB" one'), None) == (
        '{"type":"source","source":"mic","start_s":0.0,"end_s":0.0,"utc":null,'
        '"state":"lost","detail":"the \\"USB\\" one","synthetic":false}'
    )


def test_health_with_its_branches_and_numbers_that_are_none():
    branch = BranchHealth("birds", BranchCondition.RUNNING, 0.0123456, 0)
    line = to_json_line("mic", Health(Span(0, 48_000), float("inf"), 0.2, 1.0, 0, 0, (branch,)), None)
    assert json.loads(line)["real_time_factor"] is None
    assert json.loads(line)["branches"] == [
        {"name": "birds", "state": "running", "busy": 0.0123, "dropped_windows": 0, "detail": ""}
    ]


def test_what_only_a_screen_can_use_is_not_written():
    column = Spectrum(Span(0, 4800), np.zeros(64, np.float32), 16_000.0)
    for reading in (column, GateReading(Span(0, 4800), 0.5, 0.5)):
        assert not is_written(reading)
        assert to_json_line("mic", reading, None) is None


@pytest.mark.parametrize("kind", [kind for kind in READING_TYPES if kind.logged], ids=lambda kind: kind.topic)
def test_whatever_is_logged_is_written(kind):
    assert kind not in (Spectrum, GateReading)


@settings(deadline=None)
@given(readings(), st.text(), st.none() | st.integers(0, 4 * 10**18))
def test_one_object_a_line_with_the_agreed_keys(reading, source, utc_ns):
    line = to_json_line(source, reading, utc_ns)
    if line is None:
        return
    assert "\n" not in line
    parsed = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} in a line"))
    own = [field.name for field in fields(reading) if field.name != "span"]
    assert list(parsed) == ["type", "source", "start_s", "end_s", "utc", *own]
    assert parsed["type"] == reading.topic
    assert line == to_json_line(source, reading, utc_ns)


@settings(deadline=None)
@given(st.integers(0, 30 * 24 * 3600 * ENGINE_RATE))
def test_a_month_of_seconds_tells_every_sample(index):
    reading = LevelReading(Span(index, index + 1), -1.0, -1.0, 0)
    parsed = json.loads(to_json_line("mic", reading, None))
    assert round(parsed["start_s"] * ENGINE_RATE) == index
    assert round(parsed["end_s"] * ENGINE_RATE) == index + 1


@settings(deadline=None)
@given(readings_of(SourceState), st.text(st.characters(), min_size=1))
def test_names_that_are_not_unicode_are_spelt_out(reading, name):
    line = to_json_line(f"{name}\udce9.wav", reading, None)
    assert json.loads(line)["source"].endswith("\\udce9.wav")
