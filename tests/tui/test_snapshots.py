"""Pictures of the screen. Look at a difference before accepting it: `pytest tests/tui --snapshot-update`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui import scenes
from tests.tui.driving import drawn, folded, make_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

SCENES = {
    "listening": (scenes.garden, "live"),
    "gap": (scenes.gap, "live"),
    "lost": (scenes.lost, "live"),
    "demo": (scenes.demo, "demo"),
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
