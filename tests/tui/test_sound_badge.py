"""The badge that says what kind of sound it is."""

from __future__ import annotations

import pytest

from monitor.core.events import SoundClassReading
from monitor.core.types import Span
from monitor.tui.scenes import Badge
from monitor.tui.sounds import STALE, sound_badge
from tests.tui import ambience, scenes
from tests.tui.driving import drawn, folded, make_app
from tests.tui.scenes import s


def reading(start_s: float, smoothed: str = "speech+noise") -> SoundClassReading:
    return SoundClassReading(Span(s(start_s), s(start_s + 10)), "noise", {"noise": 0.6}, smoothed, {smoothed: 0.7})


def test_the_badge_says_the_smoothed_kind_until_nothing_tells_it() -> None:
    assert sound_badge(None, 0) is None
    assert sound_badge(reading(0), s(10)) == Badge("speech+noise", "", True)
    assert sound_badge(reading(0), s(10) + STALE + 1) == Badge("not told", "", False)


@pytest.mark.parametrize("width", [30, 58, 80, 140])
async def test_the_badge_stands_beside_the_level(width: int) -> None:
    garden = scenes.Scene("phone")
    messages = [*ambience.drive(), garden.tell(reading(20))]
    app = make_app(messages)
    async with app.run_test(size=(width, 24)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        lines = app.live.header.render().plain.splitlines()
        assert all(len(line) <= width for line in lines)
        assert "dBFS" in lines[1]
        assert ("scene cafe_restaurant" in lines[1]) == (width >= 58), lines[1]
        assert ("sound speech+noise" in lines[1]) == (width >= 80), lines[1]
