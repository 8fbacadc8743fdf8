"""The keys below the screen: whatever is offered, the key that explains the others is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.widgets._footer import FooterKey

from tests.tui import scenes, workshop
from tests.tui.driving import drawn, folded, make_app
from tests.tui.test_sound_badge import reading

if TYPE_CHECKING:
    from monitor.bus.messages import Message
    from tests.tui.driving import DrivenApp

EVERY_KEY = ["q", "p", "s", "l", "b", "e", "m", "v", "?"]


def everything() -> list[Message]:
    """Two sources; the first hears birds, a machine and what kind of sound it is."""
    garden, shed = scenes.Scene("garden-mic"), scenes.Scene("shed-mic")
    return [
        garden.state(scenes.SourceCondition.LISTENING),
        *garden.listen(0, 3),
        *garden.called("great tit", 0.5, 2.0),
        garden.tell(workshop.reading("pump-3", 0, 0.5)),
        garden.tell(reading(0)),
        shed.state(scenes.SourceCondition.LISTENING),
    ]


def seen_keys(app: DrivenApp, width: int) -> list[str]:
    keys = [key for key in app.live.query(FooterKey) if key.display and key.region.right <= width]
    return [key.key_display for key in keys]


@pytest.mark.parametrize("width", [80, 90, 119])
async def test_every_key_is_seen_from_80_columns_on(width: int) -> None:
    messages = everything()
    app = make_app(messages)
    async with app.run_test(size=(width, 24)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        found = seen_keys(app, width)
        assert found[: len(EVERY_KEY)] == EVERY_KEY
        assert ("^p" in found) == (width >= 100)


async def test_a_wider_terminal_has_room_again() -> None:
    messages = everything()
    app = make_app(messages)
    async with app.run_test(size=(80, 24)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        assert "^p" not in seen_keys(app, 80)
        await pilot.resize_terminal(110, 24)
        await drawn(pilot, app)
        assert seen_keys(app, 110) == [*EVERY_KEY, "^p"]
