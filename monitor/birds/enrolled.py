"""The enrolled species as the tagger asks them: which is it, and how sure is that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.birds.cohort import Calibration, Cohort, Standing
    from monitor.birds.prototype_set import PrototypeSet
    from monitor.core.types import Float32Array


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which species an embedding is of; fields as in `TagDetection`."""

    label: str | None
    score: float
    margin: float
    runner_up: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """One species or more that one encoder can tell apart."""

    names: tuple[str, ...]
    """n of them."""
    thresholds: NDArray[np.float64]
    """`(n,)`, the probability from which on each is named: its own, else the calibration's."""
    standing: Standing
    """Of their prototypes."""
    calibration: Calibration

    @classmethod
    def of(cls, species: PrototypeSet, cohort: Cohort, calibration: Calibration) -> Enrolled | None:
        """None where no species is ready for the encoder."""
        if not species.prototypes:
            return None
        own = [calibration.known if one.threshold is None else one.threshold for one in species.prototypes]
        names, vectors = species.matrix()
        return cls(names, np.array(own, dtype=np.float64), cohort.standing(vectors), calibration)

    def judge(self, embedding: Float32Array) -> Verdict:
        """Of a unit vector float32 `(d,)`."""
        probabilities = self.calibration.probability(self.standing.scores(embedding))
        best = int(probabilities.argmax())
        score = float(probabilities[best])
        second = self._second(probabilities, best)
        margin = score - (0.0 if second is None else float(probabilities[second]))
        if score < self.thresholds[best]:
            return Verdict(None, score, margin, self.names[best])
        return Verdict(self.names[best], score, margin, None if second is None else self.names[second])

    @staticmethod
    def _second(probabilities: NDArray[np.float64], best: int) -> int | None:
        if len(probabilities) == 1:
            return None
        others = probabilities.copy()
        others[best] = -1.0
        return int(others.argmax())
