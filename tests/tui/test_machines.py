"""What the screen knows of machines, and what the keys of their dialog say to the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from monitor.bus.machine_care import MachineJob
from monitor.core.machine_readings import MachineState
from monitor.errors import BusError
from monitor.tui.machines import GONE, MachineViews, cells, decision_height, height, percentile_words
from monitor.tui.screens.learn import LearnScreen
from monitor.tui.screens.machines import MachineScreen
from monitor.tui.source import SourceView
from tests.tui import scenes, workshop
from tests.tui.driving import drawn, folded, make_app
from tests.tui.enrolling import plain

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tests.tui.driving import DrivenApp


@pytest.mark.parametrize(
    ("percentile", "words"),
    [
        (0.0, "0th"),
        (0.01, "1st"),
        (0.62, "62nd"),
        (0.73, "73rd"),
        (0.117, "11th"),
        (0.9899, "98th"),
        (0.9999999, ">99.9th"),
        (0.998, "99.8th"),
        (0.99989, "99.9th"),
    ],
)
def test_a_percentile_is_never_rounded_up(percentile: float, words: str) -> None:
    assert percentile_words(percentile) == words


def test_the_chart_has_the_alarm_line_at_one_and_nothing_where_nothing_was_judged() -> None:
    assert height(workshop.reading("fan-1", 0, workshop.LINE)) == pytest.approx(1.0)
    assert height(workshop.reading("fan-1", 0, 0.0)) == 0.0
    assert height(workshop.reading("fan-1", 0, 0.5, MachineState.OFF)) is None


def test_the_baselines_decision_lies_below_the_alarm_line() -> None:
    usual = replace(workshop.reading("fan-1", 0, 0.5), alarm_percentile=0.97)
    found = decision_height(usual)
    assert found is not None
    assert found == height(replace(usual, percentile=0.9)) == pytest.approx(0.657, abs=1e-3)
    assert decision_height(replace(usual, alarm_percentile=0.8)) is None


def test_a_cell_shows_its_worst_window_and_silence_stays_empty() -> None:
    views = MachineViews()
    for number in (0, 1, 2, 60, 61):
        views.fold(workshop.reading("fan-1", number, 0.999 if number == 1 else 0.2), None)
    view = views.get("fan-1")
    assert view is not None
    shown = cells(view, 60)
    assert [place for place, cell in enumerate(shown) if cell is not None] == [53, 59]
    assert shown[53] is not None
    assert shown[53].height == height(workshop.reading("fan-1", 1, 0.999))


def test_machines_that_are_no_longer_listened_for_go() -> None:
    views = MachineViews()
    views.fold(workshop.reading("fan-1", 0, 0.5), None)
    later = GONE // scenes.s(workshop.HOP_S) + 3
    views.fold(workshop.reading("pump-3", later, 0.5), None)
    assert [view.name for view in views] == ["pump-3"]


def test_an_alarm_has_one_row_that_follows_it() -> None:
    messages = workshop.workshop()
    view = SourceView("workshop-mic")
    for message in messages:
        view.fold(message.reading, message.utc_ns, 0.0, event_id=message.event_id)
    told = [event.reading for event in view.events if getattr(event.reading, "machine", "") == "fan-1"]
    assert len(told) == 1
    newest = view.machines.get("fan-1")
    assert newest is not None
    assert newest.urgent
    assert next(iter(view.machines)).name == "fan-1", "what needs somebody comes first"


async def open_dialog(pilot: Pilot[object], app: DrivenApp, count: int) -> None:
    await folded(pilot, app, count)
    await drawn(pilot, app)
    await pilot.press("m")
    while app.caring.known is None:
        app.draw()
        await pilot.pause(0.01)
    await drawn(pilot, app)
    assert isinstance(app.screen, MachineScreen)


async def asked(pilot: Pilot[object], app: DrivenApp, name: str) -> dict[str, object]:
    """Wait for a command; its parameters."""
    for _ in range(300):
        found = [parameters for command, parameters in app.feed.commands if command == name]
        if found:
            return found[-1]
        app.draw()
        await pilot.pause(0.02)
    raise AssertionError(f"{name} was not asked")


async def test_no_machine_takes_no_room_and_no_key() -> None:
    messages = scenes.garden(5)
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        assert not app.live.machines.display
        await pilot.press("m")
        assert not isinstance(app.screen, MachineScreen)


@pytest.mark.parametrize(
    ("down", "key", "name", "act"),
    [
        (0, "a", "fan-1", "acknowledge"),
        (0, "z", "fan-1", "snooze"),
        (1, "z", "press", "wake"),
        (0, "x", "fan-1", "maintenance"),
        (2, "x", "pump-3", "resume"),
    ],
)
async def test_keys_attend_to_the_chosen_machine(down: int, key: str, name: str, act: str) -> None:
    messages = workshop.workshop()
    app = make_app(messages)
    app.feed.answers = {"machines": plain(workshop.KNOWN), "machine_attend": None}
    async with app.run_test(size=(80, 24)) as pilot:
        await open_dialog(pilot, app, len(messages))
        await pilot.press(*["down"] * down, key)
        told = await asked(pilot, app, "machine_attend")
        assert (told["name"], told["act"]) == (name, act)


async def test_nothing_to_acknowledge_asks_nothing() -> None:
    messages = workshop.workshop()
    app = make_app(messages)
    app.feed.answers = {"machines": plain(workshop.KNOWN)}
    async with app.run_test(size=(80, 24)) as pilot:
        await open_dialog(pilot, app, len(messages))
        await pilot.press("down", "down", "a", "f")
        await drawn(pilot, app)
        assert not [command for command, _ in app.feed.commands if command != "machines"]
        assert "no alarm" in app.caring.lines[0].text


async def test_a_false_alarm_goes_to_the_normals_with_its_stretch() -> None:
    messages = workshop.workshop()
    app = make_app(messages)
    done = MachineJob("fan-1", "done", clips=55)
    app.feed.answers = {
        "machines": plain(workshop.KNOWN),
        "machine_normal": {"job": 1},
        "machine_job": plain(done),
    }
    async with app.run_test(size=(80, 24)) as pilot:
        await open_dialog(pilot, app, len(messages))
        await pilot.press("f")
        told = await asked(pilot, app, "machine_normal")
        assert told["start"] == scenes.s(90 * workshop.HOP_S)
        assert told["source"] == "workshop-mic"
        while app.caring.working:
            app.draw()
            await pilot.pause(0.01)
        assert "55 clips" in app.caring.lines[0].text


async def test_an_alarm_is_played_beside_its_normal_and_stopped() -> None:
    messages = workshop.workshop()
    app = make_app(messages)
    app.feed.answers = {
        "machines": plain(workshop.KNOWN),
        "machine_play": {"state": "alarm", "name": "fan-1", "nearest": "day1/fan-03.wav"},
        "machine_playing": {"state": "normal", "name": "fan-1", "nearest": "day1/fan-03.wav"},
        "machine_hush": None,
    }
    async with app.run_test(size=(80, 24)) as pilot:
        await open_dialog(pilot, app, len(messages))
        await pilot.press("p")
        told = await asked(pilot, app, "machine_play")
        assert (told["name"], told["source"], told["nearest"]) == ("fan-1", "workshop-mic", "day1/fan-03.wav")
        assert told["start"] == scenes.s(90 * workshop.HOP_S)
        await asked(pilot, app, "machine_playing")
        while app.caring.playing is None or app.caring.playing.state != "normal":
            app.draw()
            await pilot.pause(0.01)
        assert app.caring.lines[0].text == "playing the normal that is most like it, day1/fan-03.wav"
        app.feed.answers["machine_playing"] = {"state": "stopped", "name": "fan-1"}
        await pilot.press("p")
        await asked(pilot, app, "machine_hush")
        while app.caring.playing is not None:
            app.draw()
            await pilot.pause(0.01)
        assert not app.caring.lines


async def test_a_loudspeaker_that_is_missing_is_told() -> None:
    messages = workshop.workshop()
    app = make_app(messages)
    app.feed.answers = {
        "machines": plain(workshop.KNOWN),
        "machine_play": {"state": "alarm", "name": "fan-1", "nearest": "day1/fan-03.wav"},
        "machine_playing": {"state": "failed", "what": "loudspeaker", "why": "there is none", "remedy": "Connect one"},
    }
    async with app.run_test(size=(80, 24)) as pilot:
        await open_dialog(pilot, app, len(messages))
        await pilot.press("p")
        await asked(pilot, app, "machine_playing")
        while app.caring.playing is not None or not app.caring.lines:
            app.draw()
            await pilot.pause(0.01)
        assert [line.text for line in app.caring.lines] == ["loudspeaker: there is none", "Connect one"]
        await pilot.press("down", "down", "p")
        await drawn(pilot, app)
        assert "no alarm" in app.caring.lines[0].text


async def test_learning_asks_for_minutes_and_tells_a_refusal() -> None:
    messages = workshop.workshop()
    app = make_app(messages)
    app.feed.answers = {
        "machines": plain(workshop.KNOWN),
        "machine_learn": BusError("learning", "fan-1 is being learnt already", "Wait for it, or stop it"),
    }
    async with app.run_test(size=(80, 24)) as pilot:
        await open_dialog(pilot, app, len(messages))
        await pilot.press("l")
        await drawn(pilot, app)
        assert isinstance(app.screen, LearnScreen)
        app.screen.name_input.value = "compressor"
        await pilot.press("enter")
        app.screen.minutes_input.value = "2.5"
        await pilot.press("enter")
        told = await asked(pilot, app, "machine_learn")
        assert (told["name"], told["seconds"]) == ("compressor", 150.0)
        while not app.caring.lines:
            app.draw()
            await pilot.pause(0.01)
        assert app.caring.lines[0].urgent
        assert not app.caring.working
