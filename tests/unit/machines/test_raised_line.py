"""An alarm line that is raised for a while: what lies between the two lines rings nothing, and says so."""

from __future__ import annotations

from monitor.machines.anomaly import AnomalyDetector, Attention, Raised
from tests.helpers.machines import fan, fan_profile
from tests.unit.machines.test_anomaly import AFTER, RUNNING, SQUEALING, contexts, run

STREET = Raised(1e6, "scene street_traffic")


def test_an_alarm_below_the_raised_line_is_held_back_and_marked() -> None:
    heard = contexts(fan(RUNNING, 41), fan(SQUEALING, 42, squeal=0.003), fan(AFTER, 43))
    plain, rang = run(AnomalyDetector(fan_profile()), heard)
    assert any(change.alarm for change in rang), "its own line rings"
    stage = AnomalyDetector(fan_profile())
    stage.raised = STREET
    readings, changes = run(stage, heard)
    assert not any(reading.alarm for reading in readings)
    assert [reading.score for reading in readings] == [reading.score for reading in plain]
    assert {reading.suppressed for reading in readings} == {"", STREET.why}
    assert [bool(reading.suppressed) for reading in readings] == [reading.alarm for reading in plain]
    marked = [change for change in changes if change.suppressed]
    assert marked
    assert marked[0].suppressed == STREET.why
    assert not marked[0].alarm
    assert marked[0].percentile > fan_profile().alarm_percentile, "what was unusual is logged all the same"
    assert marked[0].nearest_clip.startswith("day1/fan-")
    assert not changes[-1].suppressed, "its end is told"


def test_what_is_far_above_rings_through() -> None:
    heard = contexts(fan(RUNNING, 41), fan(SQUEALING, 42, squeal=0.3))
    stage = AnomalyDetector(fan_profile())
    stage.raised = Raised(10.0, STREET.why)
    readings, changes = run(stage, heard)
    assert readings[-1].alarm
    assert any(change.alarm for change in changes)


def test_the_alarm_comes_when_the_scene_is_over() -> None:
    heard = contexts(fan(RUNNING, 41), fan(SQUEALING, 42, squeal=0.003))
    stage = AnomalyDetector(fan_profile())
    stage.raised = STREET
    split = next(place for place, one in enumerate(heard) if one.span.end > (RUNNING + 12) * 48_000)
    readings, _ = run(stage, heard[:split])
    assert readings[-1].suppressed
    stage.raised = Raised()
    later, changes = run(stage, heard[split:])
    assert later[-1].alarm
    assert not later[-1].suppressed
    assert [change.alarm for change in changes] == [True]


def test_snoozed_needs_no_second_reason() -> None:
    heard = contexts(fan(RUNNING, 41), fan(SQUEALING, 42, squeal=0.003))
    stage = AnomalyDetector(fan_profile(), Attention(snoozed=True))
    stage.raised = STREET
    readings, _ = run(stage, heard)
    assert {reading.suppressed for reading in readings} == {""}
