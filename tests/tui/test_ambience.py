"""The scene on the screen: badge, band, events, and what a policy keeps from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from monitor.core.events import SceneReading, SourceCondition
from monitor.core.scene_readings import UNKNOWN, SceneState
from monitor.core.species_readings import SoundKind, SpeciesDetection
from monitor.core.types import Span
from monitor.tui.glyphs import PLAIN, UNICODE
from monitor.tui.machines import MachineView, state_words
from monitor.tui.scenes import STALE, Badge, SceneView, Stretch
from monitor.tui.state import ScreenState
from monitor.tui.timeline import Timeline
from tests.tui import ambience, scenes, workshop
from tests.tui.driving import drawn, folded, make_app
from tests.tui.scenes import Scene, s

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.pilot import Pilot

    from monitor.bus.messages import Message
    from monitor.tui.glyphs import Glyphs
    from monitor.tui.source import SourceView

LOOKS = pytest.mark.parametrize(
    ("size", "glyphs"),
    [((80, 24), UNICODE), ((200, 60), UNICODE), ((60, 30), UNICODE), ((80, 24), PLAIN)],
    ids=["80x24", "200x60", "60x30", "80x24-plain"],
)


def folded_into(messages: Sequence[Message]) -> SourceView:
    state = ScreenState()
    for message in messages:
        state.apply(message, 0.0)
    assert state.current is not None
    return state.current


def view_of(*readings: SceneReading) -> SceneView:
    view = SceneView()
    for reading in readings:
        view.fold(reading)
    return view


@LOOKS
def test_picture(snap_compare: Callable[..., bool], size: tuple[int, int], glyphs: Glyphs) -> None:
    messages = ambience.drive()
    app = make_app(messages, glyphs=glyphs)

    async def settle(pilot: Pilot[object]) -> None:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=settle)


@pytest.mark.parametrize("width", [30, 58, 80, 140])
async def test_badge_beside_the_level(width: int) -> None:
    messages = ambience.drive()
    app = make_app(messages)
    async with app.run_test(size=(width, 24)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        lines = app.live.header.render().plain.splitlines()
        assert all(len(line) <= width for line in lines)
        assert "dBFS" in lines[1]
        badge = "scene cafe_restaurant "
        assert (badge in lines[1]) == (width >= 58), lines[1]
        assert ("peak" in lines[1]) == (width >= 102), "where there is room for both"
        assert app.live.scene.display


async def test_without_scenes_there_is_neither_badge_nor_band() -> None:
    messages = scenes.garden(5)
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        assert not app.live.scene.display
        second = app.live.header.render().plain.splitlines()[1]
        assert "scene" not in second
        assert "peak" in second


async def test_band_goes_where_there_is_little_room_and_comes_back() -> None:
    messages = ambience.drive()
    app = make_app(messages)
    async with app.run_test(size=(80, 16)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        assert not app.live.scene.display
        await pilot.resize_terminal(80, 24)
        await drawn(pilot, app)
        assert app.live.scene.display


def test_badge_says_what_is_known() -> None:
    ready = ambience.scene_at(30)
    assert SceneView().badge(0) is None
    assert view_of(ready).badge(ready.span.end) == Badge("cafe_restaurant", f"{ready.probability * 100:3.0f} %", True)
    assert view_of(ready).badge(ready.span.end + STALE + 1) == Badge("not told", "", False)
    assert view_of(replace(ready, label=UNKNOWN)).badge(ready.span.end) == Badge(UNKNOWN, "", False)
    assert view_of(ambience.scene_at(1)).badge(s(2)) == Badge("warming up", "", False)
    short = SceneReading(Span(0, s(0.4)), UNKNOWN, {}, SceneState.WARMING_UP, "0.40 s of sound hold no window")
    assert view_of(short).badge(s(0.4)) == Badge("too short", "", False)


def test_band_follows_the_readings() -> None:
    view = view_of(*(ambience.scene_at(number) for number in range(30)))
    found = view.stretches(Timeline.until(s(30), 30))
    assert [(one.text, one.settled) for one in found] == [
        ("street_traffic?", False),
        ("vehicle_interior", True),
        (UNKNOWN, False),
        ("cafe_restaurant", True),
    ]
    assert [one.first for one in found] == [0, 4, 18, 26]
    assert sum(one.cells for one in found) == 30


def test_band_is_empty_where_nothing_was_told() -> None:
    first, second = ambience.scene_at(6), ambience.scene_at(10)
    found = view_of(first, second).stretches(Timeline.until(s(30), 30))
    assert found == [Stretch(6, 1, "vehicle_interior", True), Stretch(10, 1, "vehicle_interior", True)]


def test_events_tell_another_scene_once() -> None:
    scene = Scene("phone")
    messages: list[Message] = [scene.state(SourceCondition.LISTENING)]
    for number in range(40):
        messages += ambience.told(scene, number)
    messages.append(scene.gap(40, 44))
    again = ambience.told(scene, 26)[1]
    messages.append(again)
    labels = [getattr(event.reading, "label", "") for event in folded_into(messages).events]
    assert labels == ["", "vehicle_interior", UNKNOWN, "cafe_restaurant", ""]


def test_a_machine_whose_alarm_a_policy_holds_back_says_so_and_needs_nobody() -> None:
    heard = workshop.reading("fan-1", 5, 0.999999)
    assert state_words(heard) == "normal"
    held_back = replace(heard, suppressed="scene street_traffic")
    assert state_words(held_back) == "held back"
    assert not MachineView(held_back).urgent


def test_what_a_policy_suppressed_is_neither_listed_nor_counted_nor_drawn() -> None:
    scene = Scene("phone")
    call = scene.called("robin", 3.0, 5.0)
    tag = call[-1].reading
    heard = SpeciesDetection(
        Span(s(3), s(5)), "a_Robin", "a", "Robin", SoundKind.BIRD, 0.9, Span(s(3), s(5)), {}, 0.0, "birdnet@2.4.0"
    )
    quiet: list[Message] = [
        scene.state(SourceCondition.LISTENING),
        *(one for one in call if one.reading.topic != "tag"),
        scene.tell(replace(tag, suppressed="scene vehicle_interior")),  # type: ignore[type-var]
        scene.tell(replace(heard, suppressed="scene vehicle_interior")),
    ]
    view = folded_into(quiet)
    assert [event.reading.topic for event in view.events] == ["source", "activity"]
    assert len(view.tallies) == 0
    assert [one.name for one in view.calls] == [None]
    told = folded_into([*quiet, scene.tell(tag), scene.tell(heard)])
    assert len(told.tallies) == 2
