"""When windows become an alarm: enough of the newest ones above the line, and few enough for it to end."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from monitor.core.types import Span


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """`needed` of the newest `among` windows above the line begin an alarm.

    It ends when at most `remaining` of the newest `among` are still above the release line, which lies lower. Raises
    ValueError when 1 <= needed <= among and 0 <= remaining < needed do not hold.
    """

    needed: int
    among: int
    remaining: int = 0

    def __post_init__(self) -> None:
        if not (1 <= self.needed <= self.among and 0 <= self.remaining < self.needed):
            raise ValueError(f"no rule for an alarm: {self.needed} of {self.among}, over at {self.remaining}")


@dataclass(frozen=True, slots=True)
class _Judged:
    span: Span
    above: bool
    above_release: bool


class AlarmTracker:
    """The alarm of one machine. Pure: it knows windows, and no clock.

    An alarm that was acknowledged goes on, quietly, until it ends; the next one has to be acknowledged again.
    """

    def __init__(self, rule: AlarmRule) -> None:
        self.rule = rule
        self._newest: deque[_Judged] = deque(maxlen=rule.among)
        self._start: int | None = None
        self._end = 0
        self._acknowledged = False

    @property
    def active(self) -> bool:
        """Whether there is an alarm."""
        return self._start is not None

    @property
    def acknowledged(self) -> bool:
        """Whether somebody has seen the alarm that there is."""
        return self._acknowledged

    @property
    def span(self) -> Span | None:
        """From the first window that counted for the alarm to the newest above the release line; None without one."""
        return None if self._start is None else Span(self._start, self._end)

    def push(self, span: Span, *, above: bool, above_release: bool) -> None:
        """The next window that was judged; what is above the line is above the release line too."""
        self._newest.append(_Judged(span, above, above or above_release))
        if self._start is None:
            counted = [window for window in self._newest if window.above]
            if len(counted) >= self.rule.needed:
                self._start, self._end = counted[0].span.start, span.end
        else:
            if self._newest[-1].above_release:
                self._end = span.end
            if sum(window.above_release for window in self._newest) <= self.rule.remaining:
                self.clear()

    def acknowledge(self) -> None:
        """Somebody has seen the alarm; without one, nothing."""
        self._acknowledged = self.active

    def clear(self) -> None:
        """No alarm, and nothing counted towards one."""
        self._newest.clear()
        self._start, self._end, self._acknowledged = None, 0, False
