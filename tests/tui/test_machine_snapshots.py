"""Pictures of the machines' panel and dialogs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.tui.glyphs import PLAIN, UNICODE
from tests.tui import workshop
from tests.tui.driving import drawn, folded, make_app
from tests.tui.enrolling import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from monitor.bus.machine_care import MachineJob
    from tests.tui.driving import DrivenApp

SIZES = pytest.mark.parametrize("size", [(80, 24), (200, 60), (60, 30)], ids=lambda size: f"{size[0]}x{size[1]}")


async def known(pilot: Pilot[object], app: DrivenApp) -> None:
    """Wait until the engine has told what is enrolled."""
    while app.caring.known is None:
        app.draw()
        await pilot.pause(0.01)


@SIZES
@pytest.mark.parametrize("machines", [3, 9])
def test_panel(snap_compare: Callable[..., bool], machines: int, size: tuple[int, int]) -> None:
    messages = workshop.workshop(machines=machines)
    app = make_app(messages)

    async def settle(pilot: Pilot[object]) -> None:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=settle)


@SIZES
@pytest.mark.parametrize("glyphs", [UNICODE, PLAIN], ids=["unicode", "plain"])
def test_dialog(snap_compare: Callable[..., bool], glyphs: object, size: tuple[int, int]) -> None:
    messages = workshop.workshop()
    app = make_app(messages, glyphs=glyphs)  # type: ignore[arg-type]
    app.feed.answers = {"machines": plain(workshop.KNOWN)}

    async def settle(pilot: Pilot[object]) -> None:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        await pilot.press("m")
        await known(pilot, app)
        await drawn(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=settle)


@pytest.mark.parametrize("size", [(80, 24), (50, 15)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", ["asking", "listening", "learnt", "failed"])
def test_learn_dialog(snap_compare: Callable[..., bool], name: str, size: tuple[int, int]) -> None:
    jobs: dict[str, MachineJob] = {
        "listening": workshop.LISTENING,
        "learnt": workshop.LEARNT,
        "failed": workshop.FAILED,
    }
    messages = workshop.workshop()
    app = make_app(messages)
    app.feed.answers = {"machines": plain(workshop.KNOWN), "machine_learn": {"job": 1}}
    job = jobs.get(name)
    if job is not None:
        app.feed.answers["machine_job"] = plain(job)

    async def settle(pilot: Pilot[object]) -> None:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        await pilot.press("m")
        await known(pilot, app)
        await pilot.press("down", "down", "l")
        await drawn(pilot, app)
        if job is not None:
            await pilot.press("enter", "enter")
            while app.caring.job != job:
                app.draw()
                await pilot.pause(0.01)
        await drawn(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=settle)
