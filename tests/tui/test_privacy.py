"""What the screen says while people speak and the privacy mode is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.bus.live_state import LiveState
from monitor.core.events import SourceCondition, Spectrum
from monitor.core.privacy_readings import PrivacyChange, PrivacyReason, PrivacyState
from monitor.core.types import Span
from monitor.tui.conditions import conditions
from monitor.tui.state import ScreenState
from monitor.tui.wording import event_words
from tests.tui import scenes
from tests.tui.driving import drawn, folded, make_app
from tests.tui.scenes import Scene, s

if TYPE_CHECKING:
    from monitor.bus.messages import Message


def change(start_s: float, end_s: float, state: PrivacyState, reason: PrivacyReason) -> PrivacyChange:
    return PrivacyChange(Span(s(start_s), s(end_s)), state, reason)


def talk(until_s: float = 40.0) -> list[Message]:
    """Ten quiet seconds, then somebody speaks: columns only of the former."""
    scene = Scene()
    messages: list[Message] = [
        scenes.joined(scene.state(SourceCondition.LISTENING)),
        scene.tell(change(0, 0, PrivacyState.WATCHING, PrivacyReason.NONE)),
    ]
    listened = scene.listen(0, until_s, birds=False)
    messages += [one for one in listened if not isinstance(one.reading, Spectrum) or one.reading.span.end <= s(10)]
    messages.append(scene.tell(change(10, 20, PrivacyState.WITHHOLDING, PrivacyReason.SPEECH)))
    return messages


def fold(messages: list[Message]) -> ScreenState:
    state = ScreenState()
    for message in messages:
        state.apply(message, 0.0)
    return state


def test_a_banner_stands_while_something_is_withheld_and_the_event_is_listed_once() -> None:
    messages = talk()
    state = fold(messages)
    view = state.current
    assert view is not None
    (found,) = conditions(state, 0.0)
    assert (found.what, found.urgent) == ("privacy", False)
    assert "somebody speaks" in found.text and "spectrogram" in found.text
    state.apply(Scene().tell(change(10, 45, PrivacyState.WATCHING, PrivacyReason.SPEECH)), 0.0)
    assert conditions(state, 0.0) == []
    listed = [event for event in view.events if isinstance(event.reading, PrivacyChange)]
    assert [event_words(event, 0) for event in listed] == [("privacy", "35 s", "withheld: speech")]


def test_the_picture_goes_on_without_columns() -> None:
    view = fold(talk()).current
    assert view is not None and view.columns.end == s(10)
    assert view.picture_end == view.head == s(40)


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_the_screen_says_it(size: tuple[int, int]) -> None:
    messages = talk()
    app = make_app(messages)
    async with app.run_test(size=size) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        assert "privacy mode" in str(app.live._pictures.border_title)
        assert (app.live.spectrogram.keys[:, -1] < 0).all(), "nothing is drawn of what was said"


def test_a_screen_that_joins_later_is_told() -> None:
    state = LiveState()
    told = change(10, 20, PrivacyState.WITHHOLDING, PrivacyReason.SPEECH)
    state.note("phone", None, 7, told)
    assert ("phone", None, 7, told) in state.live
