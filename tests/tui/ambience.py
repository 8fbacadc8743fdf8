"""A microphone in a car that stops at a café, for the screen: what the engine says of the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.core.events import SceneChange, SceneReading, SourceCondition
from monitor.core.scene_readings import UNKNOWN, SceneState
from monitor.core.types import Span
from tests.tui.scenes import Scene, s

if TYPE_CHECKING:
    from monitor.bus.messages import Delivery, Message

WINDOW_S = 1.046875
PLACES = ((0, 4, None), (4, 18, "vehicle_interior"), (18, 26, UNKNOWN), (26, 90, "cafe_restaurant"))
"""From and to, seconds, and where it is; None: not yet known."""


def scene_at(number: int) -> SceneReading:
    """Of the window that begins at second `number`."""
    span = Span(s(number), s(number + WINDOW_S))
    label = next(label for first, end, label in PLACES if first <= number < end)
    if label is None:
        return SceneReading(span, "street_traffic", {"street_traffic": 0.5}, SceneState.WARMING_UP)
    sure = 0.6 + 0.3 * (number * 37 % 11) / 11
    probabilities = {"street_traffic": 0.3} if label == UNKNOWN else {label: sure, "street_traffic": 1.0 - sure}
    return SceneReading(span, label, probabilities, SceneState.READY)


def drive(seconds: int = 40) -> list[Message]:
    """Everything that so many seconds bring."""
    scene = Scene("phone")
    messages: list[Message] = [scene.state(SourceCondition.LISTENING)]
    sound = list(scene.listen(0, seconds))
    per_second = len(sound) // seconds
    for number in range(seconds - 1):
        messages += sound[number * per_second : (number + 1) * per_second]
        messages += told(scene, number)
    return [*messages, *sound[(seconds - 1) * per_second :]]


def told(scene: Scene, number: int) -> list[Delivery]:
    """What the engine says of a window: the scene, and where another began."""
    reading = scene_at(number)
    found = [scene.tell(reading)]
    before = next((label for _, end, label in PLACES if end == number), None)
    if reading.state is SceneState.READY and any(first == number for first, _, _ in PLACES):
        span = Span(s(number - 3), reading.span.end)
        found.append(scene.tell(SceneChange(span, reading.label, before, reading.probabilities)))
    return found
