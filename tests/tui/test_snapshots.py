"""Pictures of the screen. Look at a difference before accepting it: `pytest tests/tui --snapshot-update`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.bus.enrollment import Enrollment, SpeciesList
from tests.tui import scenes
from tests.tui.driving import drawn, folded, make_app
from tests.tui.enrolling import KNOWN, REFUSED, answered, learnt, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

SCENES = {
    "listening": (scenes.garden, "live"),
    "gap": (scenes.gap, "live"),
    "lost": (scenes.lost, "live"),
    "demo": (scenes.demo, "demo"),
    "species": (scenes.species, "live"),
    "many-species": (scenes.many_species, "live"),
    "empty": (list, "live"),
}


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 30)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCENES)
def test_screen(snap_compare: Callable[..., bool], name: str, size: tuple[int, int]) -> None:
    scene, title = SCENES[name]
    messages = scene()
    app = make_app(messages, title)

    async def settle(pilot: Pilot[object]) -> None:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=settle)


DIALOGS = {
    "choosing": (KNOWN, "gre", None),
    "learnt": (
        KNOWN,
        "wren",
        Enrollment("wren", "done", 1, ("learnt from one clip: other individuals may be missed",)),
    ),
    "refused": (KNOWN, "wren", REFUSED),
    "no-encoder": (SpeciesList("", 120.0, ()), "", None),
}


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (50, 15)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", DIALOGS)
def test_enroll_dialog(snap_compare: Callable[..., bool], name: str, size: tuple[int, int]) -> None:
    known, typed, outcome = DIALOGS[name]
    messages = scenes.species()
    app = make_app(messages)
    app.feed.answers = {"species": plain(known), "enroll": {"job": 1}, "enrollment": plain(outcome)}

    async def settle(pilot: Pilot[object]) -> None:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        await pilot.press("e")
        await answered(pilot, app)
        await pilot.press(*typed, *(["enter"] if outcome else []))
        if outcome:
            await learnt(pilot, app)
        await drawn(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=settle)
