"""Scenes as context: what holds when, and what becomes of readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from monitor.core.events import ActivityChange, Reading, SceneReading, TagDetection
from monitor.core.machine_readings import AnomalyReading
from monitor.core.scene_readings import SceneState
from monitor.core.species_readings import SoundKind, SpeciesDetection
from monitor.core.types import AudioBlock, Span
from monitor.engine.machines import MachineBranch, Watched
from monitor.engine.policies import STALE, ScenePolicies
from monitor.machines.anomaly import Attention, Raised
from monitor.settings import ScenePolicy, SceneSettings, Settings, load_settings
from monitor.settings_file import as_toml
from tests.helpers.machines import fan, fan_profile

if TYPE_CHECKING:
    from pathlib import Path

SPAN = Span(0, 48_000)
CABIN = ScenePolicy(scene="vehicle_interior", suppress=("bird_tags", "known_species"))
STREET = ScenePolicy(scene="street_traffic", alarm_rarer=10.0)
TAG = TagDetection(SPAN, "robin", 0.9, 0.5, None, provisional=False)
BIRD = SpeciesDetection(SPAN, "a_b", "a", "b", SoundKind.BIRD, 0.9, SPAN, {}, 0.0, "birdnet@2.4.0")
ACTIVITY = ActivityChange(SPAN, True, 0.9, SPAN)


def scene(label: str, end: int = 48_000, state: SceneState = SceneState.READY) -> SceneReading:
    return SceneReading(Span(0, end), label, {label: 0.9}, state)


def policies(*chosen: ScenePolicy, heard: SceneReading | None = None) -> ScenePolicies:
    made = ScenePolicies(chosen)
    made.note([ACTIVITY, *([heard] if heard else [])])
    return made


def test_marks_what_is_suppressed_and_nothing_else() -> None:
    found = policies(CABIN, heard=scene("vehicle_interior")).marked([TAG, ACTIVITY, BIRD], 48_000)
    assert [getattr(one, "suppressed", None) for one in found] == [
        "scene vehicle_interior",
        None,
        "scene vehicle_interior",
    ]
    assert found[1] is ACTIVITY
    assert TAG.suppressed == "", "the reading itself is left alone"


def test_only_the_kinds_that_were_named() -> None:
    tags = ScenePolicy(scene="vehicle_interior", suppress=("bird_tags",))
    found = policies(tags, heard=scene("vehicle_interior")).marked([TAG, BIRD], 48_000)
    assert [one.suppressed for one in found if isinstance(one, TagDetection | SpeciesDetection)] == [
        "scene vehicle_interior",
        "",
    ]


@pytest.mark.parametrize(
    "heard",
    [
        None,
        scene("cafe_restaurant"),
        scene("vehicle_interior", state=SceneState.WARMING_UP),
        scene("vehicle_interior", end=48_000 - 1),
    ],
    ids=["nothing", "another", "first guess", "long ago"],
)
def test_without_the_scene_nothing_holds(heard: SceneReading | None) -> None:
    made = policies(CABIN, ScenePolicy(scene="vehicle_interior", alarm_rarer=10.0), heard=heard)
    now = 48_000 + STALE
    if heard is not None and heard.span.end == 48_000 and heard.state is SceneState.READY:
        now = 48_000
    readings: list[Reading] = [TAG, BIRD]
    assert made.marked(readings, now) == readings
    assert made.raised(now) == Raised()


def test_a_scene_that_is_told_no_more_holds_for_a_while_and_not_after_a_gap() -> None:
    made = policies(STREET, heard=scene("street_traffic"))
    assert made.raised(48_000 + STALE) == Raised(10.0, "scene street_traffic")
    assert made.raised(48_001 + STALE) == Raised()
    made.forget()
    assert made.raised(48_000) == Raised()


def test_of_several_the_strictest_holds() -> None:
    more = ScenePolicy(scene="street_traffic", alarm_rarer=1000.0, suppress=("bird_tags",))
    made = policies(STREET, more, CABIN, heard=scene("street_traffic"))
    assert made.raised(48_000).rarer == 1000.0
    (tag,) = made.marked([TAG], 48_000)
    assert isinstance(tag, TagDetection)
    assert tag.suppressed == "scene street_traffic"


def test_the_machine_branch_hands_it_to_every_detector_also_to_new_ones() -> None:
    branch = MachineBranch(None, lambda _, stage: stage)
    profile = fan_profile()
    branch.raised = Raised(1e6, "scene street_traffic")
    branch.watch({"fan-1": Watched(profile, Attention())})
    sound = [fan(14.0, 41), fan(16.0, 42, squeal=0.003)]
    start = 0
    told: list[Reading] = []
    for part in sound:
        told += branch.push(AudioBlock(part, start, 16_000))
        start += len(part)
    readings = [one for one in told if isinstance(one, AnomalyReading)]
    assert readings[-1].suppressed == "scene street_traffic"
    assert not any(one.alarm for one in readings)
    branch.raised = Raised()
    later = branch.push(AudioBlock(fan(12.0, 43, squeal=0.003), start, 16_000))
    assert [one for one in later if isinstance(one, AnomalyReading)][-1].alarm


def test_policies_are_off_by_default_and_written_as_they_were_read(tmp_path: Path) -> None:
    assert Settings().scene.policies == ()
    settings = Settings(scene=SceneSettings(policies=(CABIN, STREET)))
    file = tmp_path / "auricle.toml"
    written = as_toml(settings)
    assert '{scene = "street_traffic", suppress = [], alarm_rarer = 10.0}' in written
    file.write_text("\n".join(line for line in written.splitlines() if not line.endswith("=")), encoding="utf-8")
    assert load_settings(file).scene.policies == (CABIN, STREET)
    file.write_text('[[scene.policies]]\nscene = "street_traffic"\nalarm_rarer = 10.0\n', encoding="utf-8")
    assert load_settings(file).scene.policies == (STREET,)


@pytest.mark.parametrize(
    "values",
    [
        {"scene": "street_traffic"},
        {"scene": "street_traffic", "suppress": ["everything"]},
        {"scene": "street_traffic", "alarm_rarer": 0.5},
        {"scene": "", "suppress": ["bird_tags"]},
        {"scene": "street_traffic", "suppress": ["bird_tags"], "until": 3},
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ScenePolicy.model_validate(values)
