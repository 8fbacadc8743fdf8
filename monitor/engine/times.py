"""How much processor time each stage of a pipeline takes, for the benchmark."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.stage import Stage


class StageTimes:
    """Processor seconds spent in each stage, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, stage: Stage[Any, Any]) -> Stage[Any, Any]:
        """The same stage, timed."""
        self.seconds.setdefault(name, 0.0)
        return _Timed(name, stage, self.seconds)


class _Timed:
    def __init__(self, name: str, stage: Stage[Any, Any], book: dict[str, float]) -> None:
        self._name = name
        self._stage = stage
        self._book = book

    @property
    def latency(self) -> int:
        return self._stage.latency

    def push(self, item: Any) -> Sequence[Any]:
        began = process_time()
        try:
            return self._stage.push(item)
        finally:
            self._book[self._name] += process_time() - began

    def flush(self) -> Sequence[Any]:
        return self._stage.flush()

    def reset(self, at: int) -> None:
        self._stage.reset(at)
