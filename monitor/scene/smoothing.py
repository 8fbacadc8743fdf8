"""From what single seconds sound like to one stable label.

The filter is a mean with weights that decay exponentially: at a window that ends at t it is

    m(t) = sum over windows of w p / sum of w,   w = exp(-(t - end of the window) / time constant),

with time in engine samples, so that windows that were dropped count as time that passed. It behaves as a mean over
(1 + d) / (1 - d) windows, d = exp(-hop / time constant): at 4.5 s and one window a second over nine, which is what ten
seconds hold, the decision that a model's threshold is chosen on. A step is half passed after 0.7 time constants.

What settled stays until something else is better by a margin: a scene until another scene, or the threshold, is above
it by as much; `unknown` until a scene is above the threshold by as much. So nothing flickers around a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.clock import samples
from monitor.core.scene_readings import UNKNOWN, SceneChange, SceneReading, SceneState
from monitor.core.types import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.core.types import Float32Array
    from monitor.scene.classifier import SceneScores


@dataclass(frozen=True, slots=True)
class Settling:
    """When a scene counts."""

    known: float
    """Smoothed probability that the likeliest scene needs, 0..1; below it is `unknown`."""
    time_constant_s: float = 4.5
    """Of the filter, seconds, above 0."""
    hold_s: float = 3.0
    """Seconds for which another label must be the likeliest, without a break, until it is the scene; 0 or more."""
    margin: float = 0.1
    """Probability by which another label must be better than the scene that settled, 0..1."""

    def __post_init__(self) -> None:
        shares = 0.0 <= self.known <= 1.0 and 0.0 <= self.margin <= 1.0
        if not (shares and self.time_constant_s > 0.0 and self.hold_s >= 0.0):
            raise ValueError(f"no rule for a scene: {self}")


class DecayingMean:
    """The filter, over rows of `size` values."""

    def __init__(self, size: int, time_constant: int) -> None:
        """`time_constant`: engine samples, above 0."""
        self._size = size
        self._time_constant = time_constant
        self.clear()

    def clear(self) -> None:
        """Nothing was heard."""
        self._sum: NDArray[np.float64] = np.zeros(self._size)
        self._weight = 0.0
        self._end = 0

    def add(self, values: Float32Array, end: int) -> NDArray[np.float64]:
        """Take in a row `(size,)` at engine index `end`, which never goes back; the mean, float64 `(size,)`."""
        decay = exp(-(end - self._end) / self._time_constant) if self._weight else 0.0
        self._sum = decay * self._sum + values.astype(np.float64)
        self._weight = decay * self._weight + 1.0
        self._end = end
        return self._sum / self._weight


class SceneSmoother:
    """Stage: `SceneScores` -> a `SceneReading` each, and a `SceneChange` where another scene settled.

    It warms up for one time constant; until then the label is that of the mean so far. The reject class never is the
    likeliest scene: it takes probability away from the scenes, and `known` decides.
    """

    latency = 0

    def __init__(self, labels: Sequence[str], settling: Settling, reject: str | None = None) -> None:
        """`labels`: what the scores count; `reject` is the one that stands for none of the scenes."""
        self._labels = tuple(labels)
        self._scenes = [place for place, label in enumerate(self._labels) if label != reject]
        self._known, self._margin = settling.known, settling.margin
        self._time_constant = samples(settling.time_constant_s)
        self._hold = samples(settling.hold_s)
        self._mean = DecayingMean(len(self._labels), self._time_constant)
        self.reset(0)

    def push(self, item: SceneScores) -> Sequence[SceneReading | SceneChange]:
        """Raises ValueError when there are not as many probabilities as labels."""
        if len(item.probabilities) != len(self._labels):
            raise ValueError(f"expected {len(self._labels)} probabilities, got {len(item.probabilities)}")
        mean = self._mean.add(item.probabilities, item.span.end)
        likeliest = self._likeliest(mean)
        if likeliest != self._leader or self._led is None:
            self._leader, self._led = likeliest, item.span
        if self._began is None:
            self._began = item.span.start
        before = self._label
        if self._label is None:
            settled = item.span.end - self._began >= self._time_constant
        else:
            settled = likeliest != self._label and item.span.end - self._led.end >= self._hold
        if settled:
            self._label = likeliest
        probabilities = self._told(mean)
        state = SceneState.WARMING_UP if self._label is None else SceneState.READY
        reading = SceneReading(item.span, self._label or likeliest, probabilities, state)
        if not settled:
            return [reading]
        return [reading, SceneChange(Span(self._led.start, item.span.end), likeliest, before, probabilities)]

    def flush(self) -> Sequence[SceneReading | SceneChange]:
        """Nothing: a window is told at once."""
        return ()

    def reset(self, at: int) -> None:
        """Forget everything: it warms up anew."""
        del at
        self._mean.clear()
        self._began: int | None = None
        self._label: str | None = None
        self._leader = UNKNOWN
        self._led: Span | None = None

    def _likeliest(self, mean: NDArray[np.float64]) -> str:
        best = max(self._scenes, key=lambda place: mean[place])
        if self._label is None:
            return self._labels[best] if mean[best] >= self._known else UNKNOWN
        if self._label == UNKNOWN:
            return self._labels[best] if mean[best] >= min(1.0, self._known + self._margin) else UNKNOWN
        own = mean[self._labels.index(self._label)]
        if own > max(float(mean[best]), self._known) - self._margin:
            return self._label
        return self._labels[best] if mean[best] >= self._known else UNKNOWN

    def _told(self, mean: NDArray[np.float64]) -> dict[str, float]:
        places: list[int] = np.argsort(-mean, kind="stable").tolist()
        return {self._labels[place]: min(1.0, float(mean[place])) for place in places}
