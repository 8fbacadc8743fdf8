"""Stage that keeps the windows in which a bird was audible, so that the classifier hears nothing else."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.core.clock import samples
from monitor.core.events import ActivityChange, GateReading
from monitor.core.types import SampleWindow, Span, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = samples(5.0)
"""Engine samples that a window waits for the gate at most: longer than any gate needs, unless it failed."""


class GatedWindows:
    """Stage: windows, and the gate's `GateReading` and `ActivityChange` of the same stream -> the windows to be heard.

    A window is heard if it overlaps an activity, which is known at the latest when the gate has scored a window that
    begins at its end. One that the gate never spoke of is heard too: better too much than a silent failure.
    """

    latency = PATIENCE

    def __init__(self) -> None:
        self.reset(0)

    def push(self, item: Window | SampleWindow | GateReading | ActivityChange) -> Sequence[Window | SampleWindow]:
        """Windows, in their order, for which the item decides."""
        match item:
            case GateReading():
                self._scored = max(self._scored, item.span.start)
            case ActivityChange(active=True):
                self._open = item.span.start
            case ActivityChange():
                self._open = None
                self._over.append(item.span)
            case _:
                self._waiting.append(item)
                self._newest = item.span
        return self._decided()

    def flush(self) -> Sequence[Window | SampleWindow]:
        """Of the windows that wait, those with an activity."""
        heard = [_own(window) for window in self._waiting if self._has_activity(window.span)]
        self._waiting.clear()
        return heard

    def reset(self, at: int) -> None:
        """Forget everything."""
        self._waiting: deque[Window | SampleWindow] = deque()
        self._open: int | None = None
        """Where the activity began that is not over."""
        self._over: deque[Span] = deque()
        """Activities that are over and may still overlap a window."""
        self._scored = at
        """Start of the newest gate window."""
        self._newest = Span(at, at)
        """The newest window."""

    def _decided(self) -> list[Window | SampleWindow]:
        heard: list[Window | SampleWindow] = []
        while self._waiting:
            span = self._waiting[0].span
            if self._has_activity(span) or self._newest.end - span.end >= PATIENCE:
                heard.append(_own(self._waiting.popleft()))
            elif self._scored >= span.end:
                self._waiting.popleft()
            else:
                break
        oldest = self._waiting[0].span.start if self._waiting else self._newest.start
        while self._over and self._over[0].end <= oldest:
            self._over.popleft()
        return heard

    def _has_activity(self, span: Span) -> bool:
        if self._open is not None and self._open < span.end:
            return True
        return any(activity.overlaps(span) for activity in self._over)


def _own(window: Window | SampleWindow) -> Window | SampleWindow:
    """The same with an array of its own: outputs of a stage share nothing with its inputs."""
    if isinstance(window, Window):
        return replace(window, values=window.values.copy())
    return replace(window, samples=window.samples.copy())
