"""Everything that the bridge thread tells the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message as TextualMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.bus.messages import Message
    from monitor.errors import BusError


class Heard(TextualMessage):
    """Messages from the bus, in order; the next ones come when these were taken."""

    def __init__(self, messages: Sequence[Message]) -> None:
        super().__init__()
        self.messages = messages


class CommandAnswered(TextualMessage):
    """The engine did what it was asked."""

    def __init__(self, name: str, result: object) -> None:
        super().__init__()
        self.name = name
        self.result = result


class CommandRefused(TextualMessage):
    """The engine refused, or did not answer in time."""

    def __init__(self, name: str, error: BusError) -> None:
        super().__init__()
        self.name = name
        self.error = error


class BridgeFailed(TextualMessage):
    """The way to the engine is broken for good; the screen ends with this error."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
