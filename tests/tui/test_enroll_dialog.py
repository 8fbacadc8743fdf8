"""Teaching a species by keyboard: choosing, typing, completing, waiting, and every answer that may come."""

from __future__ import annotations

import pytest

from monitor.bus.enrollment import Enrollment, SpeciesList
from monitor.core.events import SourceCondition
from monitor.errors import BusError
from monitor.tui.enrollment import Phase
from monitor.tui.glyphs import PLAIN
from monitor.tui.screens.enroll import EnrollScreen
from monitor.tui.wording import ELLIPSIS
from tests.tui import scenes
from tests.tui.driving import DrivenApp, drawn, folded, make_app
from tests.tui.enrolling import KNOWN, REFUSED, answered, learnt, plain
from tests.tui.test_app import text

GONE = BusError("engine at tcp://127.0.0.1:7312", "it gave no answer to 'enroll' in time", "Check that it runs.")
DONE = Enrollment("wren", "done", 1, ("learnt from one clip",))


def three_calls() -> list[scenes.Message]:
    scene = scenes.Scene()
    return [
        scene.state(SourceCondition.LISTENING),
        *scene.listen(0, 2, birds=False),
        *scene.called("robin", 2, 4),
        *scene.called(None, 10, 12),
        *scene.listen(130, 132, birds=False),
        *scene.called("great tit", 125, 129),
    ]


def dialog(app: DrivenApp) -> EnrollScreen:
    assert isinstance(app.screen, EnrollScreen)
    return app.screen


def asked(app: DrivenApp, name: str) -> list[dict[str, object]]:
    return [parameters for command, parameters in app.feed.commands if command == name]


async def opened(pilot, app: DrivenApp, outcome: object = DONE, known: SpeciesList = KNOWN) -> EnrollScreen:
    app.feed.answers = {
        "species": plain(known),
        "enroll": outcome if isinstance(outcome, Exception) else {"job": 5},
        "enrollment": plain(outcome) if isinstance(outcome, Enrollment) else outcome,
    }
    await folded(pilot, app, 1)
    await drawn(pilot, app)
    await pilot.press("e")
    await answered(pilot, app)
    await drawn(pilot, app)
    return dialog(app)


async def test_the_newest_call_is_chosen_and_sent_with_the_name() -> None:
    messages = three_calls()
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        lines = text(screen.calls).splitlines()
        assert " ".join(lines[0].split()) == "› 07:32:05 0:03 ago 4.0 s gate 93 % great tit 93 %"
        assert " ".join(lines[1].split()) == "07:30:10 2:00 ago 2.0 s gate 93 % audio no longer held"
        await pilot.press(*"wren", "enter")
        await learnt(pilot, app)
        (sent,) = asked(app, "enroll")
        assert sent == {
            "source": "garden-mic",
            "start": scenes.s(125),
            "end": scenes.s(129),
            "utc_ns": scenes.START_NS + 125_000_000_000,
            "name": "wren",
            "existing": "add",
        }
        assert asked(app, "enrollment")[0] == {"job": 5}
        await drawn(pilot, app)
        assert "wren is enrolled, from 1 clip" in str(screen.outcome.render())
        assert "learnt from one clip" in str(screen.outcome.render())
        await pilot.press("enter")
        assert app.screen is app.live


async def test_another_call_is_chosen_with_the_arrows_and_stays_chosen_while_calls_come() -> None:
    messages, scene = three_calls(), scenes.Scene()
    scene._event_id = 100
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("down", "down", "down", "up")
        assert screen.calls.chosen is not None
        assert screen.calls.chosen.span.start == scenes.s(10)
        more = scene.called("wren", 140, 142)
        app.feed.put(*more)
        await folded(pilot, app, len(messages) + len(more))
        await drawn(pilot, app)
        assert screen.calls.chosen.span.start == scenes.s(10)
        assert "wren" in text(screen.calls).splitlines()[0]


async def test_names_that_are_there_are_offered_and_completed() -> None:
    app = make_app(three_calls())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        assert "enrolled: great spotted woodpecker, great tit" in str(screen.hint.render())
        await pilot.press(*"GRE")
        await drawn(pilot, app)
        assert "tab completes: great spotted woodpecker, great tit" in str(screen.hint.render())
        await pilot.press("tab")
        assert screen.name_input.value == "great spotted woodpecker"
        await pilot.press("tab")
        await drawn(pilot, app)
        assert screen.name_input.value == "great tit"
        assert "adds a clip to great tit (3 clips so far)" in str(screen.hint.render())
        await pilot.press("tab")
        assert screen.name_input.value == "great spotted woodpecker"
        await pilot.press("ctrl+u", *"black", "tab")
        assert screen.name_input.value == "Turdus merula_Common Blackbird"


@pytest.mark.parametrize("outcome", [REFUSED, GONE], ids=["refused", "gone"])
async def test_a_refusal_is_told_in_the_dialog_until_something_else_is_tried(outcome: object) -> None:
    app = make_app(three_calls())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, outcome)
        await pilot.press(*"wren", "enter")
        await learnt(pilot, app)
        await drawn(pilot, app)
        told = str(screen.outcome.render())
        assert ("no bird is heard" in told) if outcome is REFUSED else ("gave no answer" in told)
        await pilot.press("x")
        await drawn(pilot, app)
        assert app.enrolling.phase is Phase.CHOOSING
        assert not screen.outcome.display


async def test_while_the_engine_works_the_screen_stays_alive_and_what_came_of_it_is_told_later() -> None:
    messages, scene = three_calls(), scenes.Scene()
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app, Enrollment("wren", "working"))
        await pilot.press(*"wren", "enter", "enter")
        while not asked(app, "enrollment"):
            app.draw()
            await pilot.pause(0.01)
        assert "learning wren" in str(dialog(app).outcome.render())
        assert len(asked(app, "enroll")) == 1
        more = list(scene.listen(140, 141))
        app.feed.put(*more)
        await folded(pilot, app, len(messages) + len(more))
        assert app.state.current is not None
        assert app.state.current.head == scenes.s(141)
        await pilot.press("escape")
        assert app.screen is app.live
        app.feed.answers["enrollment"] = plain(DONE)
        app.enrolling._next_at_s = 0.0  # the app's clock stands still
        await learnt(pilot, app)
        await pilot.pause()
        assert any("wren is enrolled" in str(one.message) for one in app._notifications)


async def test_nothing_is_sent_without_a_name_or_a_call() -> None:
    scene = scenes.Scene()
    app = make_app([*scene.listen(0, 3)])
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        assert "nothing was heard yet" in text(screen.calls)
        await pilot.press("enter", *"wren", "enter", "down", "up")
        call = scene.called(None, 5, 7)
        app.feed.put(*call)
        await drawn(pilot, app)
        while screen.calls.chosen is None:
            app.draw()
            await pilot.pause(0.01)
        await pilot.press("ctrl+u", "space", "enter")
        await drawn(pilot, app)
    assert not asked(app, "enroll")


async def test_an_engine_without_an_encoder_is_told_at_once() -> None:
    app = make_app(three_calls())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, known=SpeciesList("", 120.0, ()))
        assert "no bird encoder" in str(screen.hint.render())


async def test_an_engine_that_knows_no_such_command_is_told() -> None:
    app = make_app(three_calls())
    app.feed.answers["species"] = GONE
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, 1)
        await drawn(pilot, app)
        await pilot.press("e")
        await learnt(pilot, app)
        await drawn(pilot, app)
        assert "gave no answer" in str(dialog(app).outcome.render())


async def test_the_call_that_goes_on_is_sent_as_far_as_it_has_come() -> None:
    scene = scenes.Scene()
    app = make_app([*scene.listen(0, 2, birds=False), scene.onset(3), *scene.listen(4, 6, birds=False)])
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press(*"wren", "enter")
        await learnt(pilot, app)
    (sent,) = asked(app, "enroll")
    assert (sent["start"], sent["end"]) == (scenes.s(3), scenes.s(6))


async def test_the_keys_are_there_where_they_can_do_something() -> None:
    scene = scenes.Scene()
    messages = [scene.state(SourceCondition.LISTENING), *scene.listen(0, 1, birds=False)]
    app = make_app(messages)
    async with app.run_test(size=(100, 30)) as pilot:

        def keys() -> set[str]:
            return {active.binding.action for active in app.live.active_bindings.values()}

        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        assert not keys() & {"enroll", "birds"}
        more = [*scene.listen(1, 4), scene.tag("robin", 3, 4)]
        app.feed.put(*more)
        await folded(pilot, app, len(messages) + len(more))
        await drawn(pilot, app)
        assert keys() >= {"enroll", "birds"}
        assert app.live.birds.display


async def test_many_species_scroll_by_keyboard() -> None:
    messages = scenes.many_species(50)
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        birds = app.live.birds
        top = text(birds).splitlines()[0]
        assert top == "species nu…   1  93 %  0:02"
        await pilot.press("b", "end")
        await drawn(pilot, app)
        assert app.focused is birds
        assert text(birds).splitlines()[0] != top
        assert birds.virtual_size.height == 50
        await pilot.press("home")
        await drawn(pilot, app)
        assert text(birds).splitlines()[0] == top
        await pilot.press("escape")
        assert app.focused is None
        assert app.live.events.size.height >= 4


SIZES = [(80, 24), (200, 60), (60, 30), (40, 12), (20, 5), (1, 1), (5, 40)]


@pytest.mark.parametrize("size", SIZES)
async def test_dialog_and_panel_draw_at_every_size(size: tuple[int, int]) -> None:
    messages = scenes.species()
    app = make_app(messages)
    async with app.run_test(size=size) as pilot:
        await folded(pilot, app, len(messages))
        await opened(pilot, app)
        await pilot.press(*"wr", "down", "enter")
        await learnt(pilot, app)
        await drawn(pilot, app)
        await pilot.resize_terminal(90, 28)
        await drawn(pilot, app)
        await pilot.press("escape")
        await drawn(pilot, app)
    assert app.return_value is None


async def test_without_unicode_panel_dialog_and_names_are_plain() -> None:
    messages = scenes.species()
    app = make_app(messages, glyphs=PLAIN)
    async with app.run_test(size=(120, 40)) as pilot:
        await folded(pilot, app, len(messages))
        screen = await opened(pilot, app)
        for part in (app.live.birds, app.live.spectrogram, screen.calls):
            assert text(part).replace(ELLIPSIS, "").isascii(), text(part)


async def test_nothing_new_is_not_drawn_again() -> None:
    messages = scenes.species()
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, len(messages))
        screen = await opened(pilot, app)
        parts = (app.live.birds, app.live.spectrogram, app.live.events, screen.calls)
        before = [part.drawn for part in parts]
        await drawn(pilot, app)
        assert [part.drawn for part in parts] == before
