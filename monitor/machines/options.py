"""How a machine is learnt and judged; kept with it, so that it is learnt the same way again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from monitor.errors import UsageError
from monitor.machines.calibration import Debounce
from monitor.machines.domain import KAPPA

if TYPE_CHECKING:
    from monitor.errors import AuricleError
    from monitor.features.filterbank import Float64Array
    from monitor.machines.detectors import DetectorKind
    from monitor.machines.domain import DomainRule

Aggregator = Literal["mean", "max", "median", "upper-mean"]
"""How the contexts of a clip become one score."""
AGGREGATORS: tuple[Aggregator, ...] = ("mean", "max", "median", "upper-mean")

DEFAULT_DEBOUNCE = Debounce()

MOST_ALARMS_A_WEEK = 10_000.0
"""One a minute; what rings more often is no alarm."""


@dataclass(frozen=True, slots=True)
class Options:
    """All that an enrollment decides beside its clips. The defaults were chosen leaving one machine out."""

    detectors: tuple[DetectorKind, ...] = ("knn",)
    """One or more, each once; their scores are averaged."""
    neighbours: int = 2
    """Of KNN and LOF, 1 or more."""
    components: int = 2
    """Of a mixture, 1 or more."""
    rule: DomainRule = "smaller"
    kappa: float = KAPPA
    """Of Eq. 7, above 0."""
    aggregator: Aggregator = "mean"
    debounce: Debounce = DEFAULT_DEBOUNCE
    false_alarms_a_week: float = 1.0
    """For which the alarm line is set, above 0."""

    def faults(self) -> list[AuricleError]:
        """What cannot be used."""
        found: list[AuricleError] = []
        if not self.detectors or len(set(self.detectors)) < len(self.detectors):
            remedy = "Give one or more of knn, lof, gmm, each once"
            found.append(UsageError("--detector", f"{', '.join(self.detectors) or 'nothing'} is no choice", remedy))
        if not 0.0 < self.false_alarms_a_week <= MOST_ALARMS_A_WEEK:
            why = f"{self.false_alarms_a_week:g} is no rate to set an alarm for"
            remedy = f"Give a number above 0, at most {MOST_ALARMS_A_WEEK:.0f}; 1 is the default"
            found.append(UsageError("--false-alarms-a-week", why, remedy))
        if self.neighbours < 1 or self.components < 1 or not self.kappa > 0.0:
            remedy = "Give whole numbers from 1 on, and a kappa above 0"
            found.append(UsageError("neighbours, components, kappa", "one of them is below its least", remedy))
        return found

    def size(self, kind: DetectorKind) -> int:
        """Neighbours, or components, of a detector."""
        return self.components if kind == "gmm" else self.neighbours


def aggregate(scores: Float64Array, aggregator: Aggregator) -> float:
    """Contexts' scores `(n,)` -> the clip's (001 Eq. 4); the upper mean is that of the upper half."""
    if aggregator == "upper-mean":
        return float(np.sort(scores)[len(scores) // 2 :].mean())
    if aggregator == "median":
        return float(np.median(scores))
    return float(scores.max() if aggregator == "max" else scores.mean())
