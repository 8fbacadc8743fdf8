"""The one place where a failure of a stage is caught: one branch fails, the others and the capture go on."""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from monitor.core.clock import samples
from monitor.core.events import BranchCondition, BranchHealth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.core.events import Reading

FAILURES_ALLOWED = 3
"""The third failure within `MEMORY` switches a branch off."""

MEMORY = samples(60.0)
"""Engine samples after which a failure is forgotten."""

log = structlog.get_logger()


class Guarded(Protocol):
    """What a guard runs: a row of stages, or one that has a name."""

    shedding: bool
    """Whether windows are dropped in front of the model because of overload."""

    @property
    def name(self) -> str:
        """Such as `birds`."""
        ...

    @property
    def dropped_windows(self) -> int:
        """Since the start."""
        ...

    def push(self, item: Any) -> Sequence[Reading]:
        """As a stage."""
        ...

    def flush(self) -> Sequence[Reading]:
        """As a stage."""
        ...

    def reset(self, at: int) -> None:
        """As a stage."""
        ...


class Guard:
    """Runs one branch, times it, and keeps its failures in it.

    A failure resets the branch and marks it degraded; the third within a minute of audio switches it off. Stream time
    decides, not the wall clock, so that a replay fails just as the live run did.
    """

    def __init__(self, branch: Guarded) -> None:
        self._branch = branch
        self._failures: deque[int] = deque(maxlen=FAILURES_ALLOWED)
        self._now = 0
        self._reset_due = False
        self._off = False
        self._detail = ""
        self._busy_s = 0.0
        self._busy_taken_at = 0

    @property
    def condition(self) -> BranchCondition:
        """What the branch is doing."""
        if self._off:
            return BranchCondition.OFF
        recent = self._failures and self._now - self._failures[-1] < MEMORY
        return BranchCondition.DEGRADED if recent else BranchCondition.RUNNING

    @property
    def reset_due(self) -> bool:
        """Whether it failed, and begins anew with the next item."""
        return self._reset_due

    @property
    def shedding(self) -> bool:
        """Whether the branch drops windows because of overload."""
        return self._branch.shedding

    @shedding.setter
    def shedding(self, value: bool) -> None:
        self._branch.shedding = value

    @property
    def dropped_windows(self) -> int:
        """Windows dropped because of overload, since the start."""
        return self._branch.dropped_windows

    def push(self, item: object, start: int) -> list[Reading]:
        """Readings of the branch for an item that begins at engine index `start`; none after a failure."""
        self._now = start
        if self._off:
            return []
        if self._reset_due:
            self._branch.reset(start)
            self._reset_due = False
        return self._run(lambda: self._branch.push(item))

    def flush(self) -> list[Reading]:
        """Readings still held."""
        return [] if self._off or self._reset_due else self._run(self._branch.flush)

    def reset(self, at: int) -> None:
        """Forget everything; the next input begins at engine index `at`."""
        self._reset_due = False
        self._branch.reset(at)

    def take_health(self, now: int) -> BranchHealth:
        """How the branch fared since the last call, at engine index `now`."""
        heard = max(now - self._busy_taken_at, 1) / samples(1.0)
        busy = self._busy_s / heard
        self._busy_s, self._busy_taken_at = 0.0, now
        detail = self._detail if self.condition is not BranchCondition.RUNNING else ""
        return BranchHealth(self._branch.name, self.condition, busy, self._branch.dropped_windows, detail)

    def _run(self, work: Callable[[], Sequence[Reading]]) -> list[Reading]:
        began = perf_counter()
        try:
            return list(work())
        except Exception as fault:  # noqa: BLE001 (the one place: a faulty branch must not take the others with it)
            return self._failed(fault)
        finally:
            self._busy_s += perf_counter() - began

    def _failed(self, fault: Exception) -> list[Reading]:
        """Note the failure; close what the branch had open, if it still can."""
        self._detail = f"{type(fault).__name__}: {fault}"
        self._failures.append(self._now)
        self._reset_due = True
        full = len(self._failures) == FAILURES_ALLOWED
        self._off = full and self._now - self._failures[0] < MEMORY
        log.error("branch failed", branch=self._branch.name, at=self._now, off=self._off, exc_info=fault)
        try:
            return list(self._branch.flush())
        except Exception as second:  # noqa: BLE001 (same place: what it had open is lost with it)
            log.warning("branch could not close", branch=self._branch.name, reason=repr(second))
            return []
