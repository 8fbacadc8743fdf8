"""A branch: stages in a row, from audio to readings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.core.types import SampleWindow, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.events import Reading
    from monitor.core.stage import Stage


class Branch:
    """Stages in a row; what the last one returns are readings.

    While `shedding`, windows are dropped in front of the model that would score them, and counted: the cheap stages go
    on, so that timestamps stay right and the first window after the overload is whole.
    """

    def __init__(self, name: str, stages: Sequence[Stage[Any, Any]]) -> None:
        self.name = name
        self.shedding = False
        self.dropped_windows = 0
        self._stages = tuple(stages)

    def push(self, item: object) -> list[Reading]:
        """Readings that the item completes."""
        return self._carry([item], self._stages)

    def flush(self) -> list[Reading]:
        """The stream ends or breaks here: readings still held, first stage first."""
        readings: list[Reading] = []
        for position, stage in enumerate(self._stages):
            readings += self._carry(list(stage.flush()), self._stages[position + 1 :])
        return readings

    def reset(self, at: int) -> None:
        """Forget everything; the next input begins at engine index `at`."""
        for stage in self._stages:
            stage.reset(at)

    def _carry(self, items: list[Any], stages: Sequence[Stage[Any, Any]]) -> list[Reading]:
        for stage in stages:
            if self.shedding:
                items = self._shed(items)
            items = [output for item in items for output in stage.push(item)]
        return items

    def _shed(self, items: list[Any]) -> list[Any]:
        kept = [item for item in items if not isinstance(item, Window | SampleWindow)]
        self.dropped_windows += len(items) - len(kept)
        return kept
