"""The application, driven by a pilot: what it shows, its keys, how often it draws, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from monitor.bus.client import BusClient
from monitor.bus.messages import Silent
from monitor.core.events import SourceCondition
from monitor.errors import BusError
from monitor.tui.app import DRAWS_PER_S, AuricleApp
from monitor.tui.glyphs import PLAIN
from monitor.tui.screens.help import HelpScreen
from tests.tui import scenes
from tests.tui.driving import drawn, folded, make_app
from tests.tui.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.widget import Widget

    from monitor.bus.messages import Message

SIZES = [(80, 24), (200, 60), (120, 40), (60, 30), (40, 12), (20, 5), (1, 1), (5, 40)]


def text(widget: Widget) -> str:
    """What a widget shows, as plain text."""
    strips = [widget.render_line(y) for y in range(widget.size.height)]
    return "\n".join(strip.text for strip in strips)


@pytest.mark.parametrize(
    ("size", "scene"),
    [*((size, scenes.gap) for size in SIZES), *(((20, 5), scene) for scene in (scenes.lost, scenes.demo, list))],
)
async def test_it_draws_at_every_size(size: tuple[int, int], scene: Callable[[], list[Message]]) -> None:
    messages = scene()
    app = make_app(messages)
    async with app.run_test(size=size) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        await pilot.resize_terminal(70, 20)
        await drawn(pilot, app)
    assert app.return_value is None


async def test_everything_over_real_sockets() -> None:
    with Serving() as serving:
        app = AuricleApp(lambda: BusClient(serving.address), "live")
        async with app.run_test(size=(80, 24)) as pilot:
            await folded(pilot, app, 1)
            serving.publish(one for one in scenes.garden(40.0) if not isinstance(one, scenes.Snapshot))
            while app.state.current is None or app.state.current.head < scenes.s(40.0):
                await pilot.pause(0.02)
            await pilot.pause(0.4)
            assert "garden-mic" in text(app.live.header)
            assert "listening" in text(app.live.header)
            assert "07:30:40 UTC" in text(app.live.header)
            assert "-32 dBFS" in text(app.live.header)
            assert text(app.live.events).splitlines()[0].startswith("07:30:38 bird")
            assert text(app.live.health).strip() == "listening 100.00 %  lost 0  lag 0.2 s  62x"
            assert "▀" in text(app.live.spectrogram)
            await pilot.press("q")
    assert app.return_value is None


async def test_messages_are_folded_in_and_only_the_timer_draws() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        frames = app.live.frames
        count = 0
        for second in range(30):
            batch = list(scenes.Scene().listen(second, second + 1))
            count += len(batch)
            app.feed.put(*batch)
            await folded(pilot, app, count)
        assert app.live.frames == frames
        parts = (app.live.header, app.live.spectrogram, app.live.activity, app.live.events, app.live.health)
        before = [part.drawn for part in parts]
        app.draw()
        assert app.live.frames == frames + 1
        assert all(part.drawn - was <= 1 for part, was in zip(parts, before, strict=True))
    assert DRAWS_PER_S <= 10


async def test_nothing_new_is_not_drawn_again() -> None:
    messages = scenes.garden()
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, len(messages))
        for _ in range(3):
            await drawn(pilot, app)
        live = app.live
        parts = (live.header, live.banner, live.spectrogram, live.activity, live.axis, live.events, live.health)
        before = [part.drawn for part in parts]
        await drawn(pilot, app)
        assert [part.drawn for part in parts] == before


async def test_pause_holds_the_picture_and_says_so_while_listening_goes_on() -> None:
    scene, messages = scenes.Scene(), scenes.garden(20.0)
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        await pilot.press("p")
        held = [text(part) for part in (app.live.activity, app.live.axis, app.live.events)]
        more = [*scene.listen(20.0, 30.0), scene.state(SourceCondition.LOST, 30.0, "unplugged")]
        app.feed.put(*more)
        await folded(pilot, app, len(messages) + len(more))
        await drawn(pilot, app)
        assert [condition.what for condition in app.live.banner.conditions] == ["display paused", "source lost"]
        shown = [text(part) for part in (app.live.activity, app.live.axis, app.live.events)]
        assert [one.split() for one in shown] == [one.split() for one in held]
        assert "07:30:30 UTC" in text(app.live.header)
        await pilot.press("p")
        await drawn(pilot, app)
        assert "source lost:" in text(app.live.events)
        assert text(app.live.activity) != held[0]
        assert [condition.what for condition in app.live.banner.conditions] == ["source lost"]


async def test_the_source_key_is_there_when_there_are_several() -> None:
    first, second = scenes.Scene("a.wav"), scenes.Scene("b.wav")
    messages = [first.state(SourceCondition.LISTENING), second.state(SourceCondition.LISTENING)]
    app = make_app(messages[:1])
    async with app.run_test(size=(100, 30)) as pilot:
        await folded(pilot, app, 1)
        await drawn(pilot, app)
        assert "next_source" not in {active.binding.action for active in app.live.active_bindings.values()}
        app.feed.put(messages[1])
        await folded(pilot, app, 2)
        await drawn(pilot, app)
        assert "source 1 of 2" in text(app.live.header)
        await pilot.press("s")
        await drawn(pilot, app)
        assert "b.wav" in text(app.live.header)
        assert "source 2 of 2" in text(app.live.header)


async def test_the_event_list_stays_where_it_was_scrolled_to() -> None:
    scene = scenes.Scene()
    messages = [scene.silence(second * 2, second * 2 + 1) for second in range(60)]
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, 60)
        await drawn(pilot, app)
        await pilot.press("l", "down", "down", "down")
        await drawn(pilot, app)
        assert app.focused is app.live.events
        top = text(app.live.events).splitlines()[0]
        app.feed.put(scene.silence(200, 201), scene.silence(210, 211))
        await folded(pilot, app, 62)
        await drawn(pilot, app)
        assert text(app.live.events).splitlines()[0] == top
        await pilot.press("home")
        await drawn(pilot, app)
        assert text(app.live.events).startswith("07:33:30")
        await pilot.press("escape")
        assert app.focused is None


async def test_help_explains_and_closes() -> None:
    app = make_app(scenes.garden(2.0))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await drawn(pilot, app)
        await pilot.press("escape")
        assert app.screen is app.live
        await pilot.press("question_mark")
        await pilot.press("q")
        assert app.screen is app.live
        assert app.is_running


async def test_the_palette_knows_the_commands() -> None:
    app = make_app(scenes.garden(2.0))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p")
        await pilot.pause()
        await pilot.press(*"pause", "enter")
        while not app.paused:
            await pilot.pause(0.01)


async def test_a_recording_that_ended_stays_on_the_screen() -> None:
    messages = [*scenes.ended(), Silent(4.0, closed=True)]
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        assert "ended" in text(app.live.header)
        assert text(app.live.health).strip() == "heard 100.00 %  lost 0  62x"
        assert not app.live.banner.display
        assert app.is_running


async def test_a_branch_without_a_model_takes_no_room() -> None:
    messages = [scenes.Scene().state(SourceCondition.LISTENING), *scenes.Scene().listen(0, 30, birds=False)]
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        assert not app.live.activity.display


async def test_without_unicode_the_pictures_are_plain() -> None:
    messages = scenes.gap()
    app = make_app(messages, glyphs=PLAIN)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        for part in (app.live.header, app.live.spectrogram, app.live.activity, app.live.axis, app.live.health):
            assert text(part).isascii()


async def test_other_themes_draw_too() -> None:
    messages = scenes.garden()
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, len(messages))
        for theme in ("textual-light", "ansi-dark", "ansi-light", "nord"):
            app.theme = theme
            await drawn(pilot, app)
        assert app.is_running


async def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    messages = scenes.garden()
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        assert app.no_color


async def test_no_engine_ends_the_screen_with_its_error() -> None:
    app = AuricleApp(lambda: BusClient("tcp://127.0.0.1:9", timeout_s=0.2))
    async with app.run_test(size=(80, 24)) as pilot:
        while app.is_running:
            await pilot.pause(0.02)
    assert isinstance(app.return_value, BusError)


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals are for the main thread only"
)
async def test_asked_to_end_it_gives_the_terminal_back() -> None:
    app = make_app(scenes.garden(2.0))
    async with app.run_test(size=(80, 24)):
        os.kill(os.getpid(), signal.SIGTERM)
        while app.is_running:
            await asyncio.sleep(0.02)
    assert app.return_value is None
    assert app.feed.closed
