"""The dialog of the classifier made for this place: its rows, its keys, what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.bus.personalisation import PERSONAL, PERSONAL_APPLY, PERSONAL_REVERT, PersonalStatus
from monitor.errors import BusError
from monitor.tui.glyphs import PLAIN
from monitor.tui.personal import status_lines
from monitor.tui.screens.personal import PersonalScreen
from tests.tui import ambience, scenes
from tests.tui.driving import drawn, folded, make_app
from tests.tui.enrolling import plain
from tests.tui.test_sound_badge import reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from monitor.bus.messages import Message
    from tests.tui.driving import DrivenApp

TIME_NS = 1_780_000_000_000_000_000
GATHERED = PersonalStatus(
    gathering=True,
    vectors=8_640,
    components=14,
    numbers=1_274,
    fitted_ns=TIME_NS + 86_400_000_000_000,
    since_ns=TIME_NS,
    model="sound-class@1.1.0",
    received="sound-class-personal/2026.325.66923",
)
APPLIED = PersonalStatus(
    gathering=True,
    vectors=8_700,
    components=14,
    numbers=1_274,
    fitted_ns=TIME_NS + 87_000_000_000_000,
    since_ns=TIME_NS,
    model="sound-class-personal@2026.325.66923",
    personal=True,
    before="the one that came with the program",
    applied_ns=TIME_NS + 87_000_000_000_000,
    made=("learnt from 6000 vectors drawn from the mixture (noise 4100, music 700, speech 900, speech+noise 300)",),
)


def messages() -> list[Message]:
    return [*ambience.drive(), scenes.Scene("phone").tell(reading(20))]


async def opened(pilot: Pilot[object], app: DrivenApp, count: int) -> None:
    await folded(pilot, app, count)
    await drawn(pilot, app)
    await pilot.press("v")
    while app.personal.status is None:
        app.draw()
        await pilot.pause(0.01)
    await drawn(pilot, app)
    assert isinstance(app.screen, PersonalScreen)


def test_rows_tell_what_was_gathered_and_why_not() -> None:
    assert status_lines(None) == [("", "asking the engine ...")]
    rows = dict(status_lines(GATHERED))
    assert rows["vectors"].startswith("8640 (24.0 h of sound) since 20")
    assert "14 components, 1274 numbers" in rows["last fit"]
    assert rows["received"] == "sound-class-personal/2026.325.66923"
    assert dict(status_lines(PersonalStatus(gathering=False, why_not="switched off", model="a@1.0.0"))) == {
        "gathering": "off: switched off",
        "in use": "a@1.0.0, came with the program",
        "received": "nothing that waits to be applied",
    }
    early = PersonalStatus(gathering=True, vectors=3, fitted_ns=TIME_NS, model="a@1.0.0", fault="x: y")
    assert "too little yet" in dict(status_lines(early))["last fit"]
    assert ("fault", "x: y") in status_lines(early)


async def test_the_key_is_there_only_where_sound_classes_are_told() -> None:
    garden = scenes.garden(5)
    app = make_app(garden)
    async with app.run_test(size=(120, 24)) as pilot:
        await folded(pilot, app, len(garden))
        await drawn(pilot, app)
        await pilot.press("v")
        assert not isinstance(app.screen, PersonalScreen)


@pytest.mark.parametrize(
    ("key", "command", "said"), [("a", PERSONAL_APPLY, "sound-class-personal@"), ("r", PERSONAL_REVERT, "sound-class@")]
)
async def test_keys_apply_and_revert(key: str, command: str, said: str) -> None:
    there = messages()
    app = make_app(there)
    app.feed.answers = {PERSONAL: plain(GATHERED), PERSONAL_APPLY: plain(APPLIED), PERSONAL_REVERT: plain(GATHERED)}
    async with app.run_test(size=(100, 24)) as pilot:
        await opened(pilot, app, len(there))
        await pilot.press(key)
        while not app.personal.lines:
            app.draw()
            await pilot.pause(0.01)
        assert app.personal.lines[0].text.startswith(said)
        assert command in [name for name, _ in app.feed.commands]
        await pilot.press("escape")
        assert not isinstance(app.screen, PersonalScreen)


async def test_a_refusal_stands_in_the_dialog() -> None:
    there = messages()
    app = make_app(there)
    app.feed.answers = {
        PERSONAL: plain(GATHERED),
        PERSONAL_APPLY: BusError("the answer's classifier", "takes features x, other ones", "Gather and send anew"),
    }
    async with app.run_test(size=(100, 24)) as pilot:
        await opened(pilot, app, len(there))
        await pilot.press("a")
        while not app.personal.lines:
            app.draw()
            await pilot.pause(0.01)
        assert "other ones" in app.personal.lines[0].text
        assert app.personal.lines[0].urgent


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("status", [GATHERED, APPLIED], ids=["gathered", "applied"])
def test_dialog(snap_compare: Callable[..., bool], status: PersonalStatus, size: tuple[int, int]) -> None:
    there = messages()
    app = make_app(there)
    app.feed.answers = {PERSONAL: plain(status)}

    async def settle(pilot: Pilot[object]) -> None:
        await opened(pilot, app, len(there))

    assert snap_compare(app, terminal_size=size, run_before=settle)


def test_dialog_without_unicode(snap_compare: Callable[..., bool]) -> None:
    there = messages()
    app = make_app(there, glyphs=PLAIN)
    app.feed.answers = {PERSONAL: plain(APPLIED)}

    async def settle(pilot: Pilot[object]) -> None:
        await opened(pilot, app, len(there))

    assert snap_compare(app, terminal_size=(80, 24), run_before=settle)
