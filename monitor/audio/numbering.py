"""Ring index to stream index: what the device lost is in no ring, but counts in the stream."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from monitor.audio.intake import clock_ns
from monitor.core.clock import NANOSECONDS

if TYPE_CHECKING:
    from monitor.audio.intake import Intake


class Numbering:
    """The losses of one intake's device, as far back as they may still be asked for; for one thread."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._forgotten = 0
        self._losses: deque[tuple[int, int]] = deque()

    def refresh(self) -> int:
        """Take in the newest losses; ring index up to which they are now complete."""
        committed = self._intake.ring.committed
        self._losses.extend((loss.index, loss.frames) for loss in self._intake.take_losses())
        return committed

    def lost_until(self, index: int) -> int:
        """Samples that the device lost before ring index `index`; the stream index is the sum of both."""
        return self._forgotten + sum(frames for at, frames in self._losses if at <= index)

    def next_loss(self, index: int) -> int | None:
        """Ring index of the first loss after `index`, which no block may reach across."""
        return next((at for at, _ in self._losses if at > index), None)

    def forget(self, index: int) -> None:
        """Nothing before ring index `index` will be asked for again."""
        while self._losses and self._losses[0][0] <= index:
            self._forgotten += self._losses.popleft()[1]

    def captured_ns(self, stream_index: int) -> int:
        """When a sample was captured, by `clock_ns()`; now, when nothing was captured yet."""
        moment = self._intake.newest_moment()
        if moment is None:
            return clock_ns()
        newest = moment.index + self.lost_until(moment.index)
        return moment.clock_ns - (newest - stream_index) * NANOSECONDS // self._intake.rate
