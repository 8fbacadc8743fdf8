"""The paper's second stage: every inlier model on every extractor, the choice among them, and ensembles.

A system is chosen for a machine by what it scores on the others, or on the machine's own left-out normals against the
sound of other machines; what was chosen on the test clips themselves, as in the paper, is named so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.anomaly.detect import averaged
from training.anomaly.metrics import ScoredClips, harmonic_mean, official_cells
from training.evaluate import roc_auc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class SectionScores:
    """What one system says of one section."""

    asked: NDArray[np.float64]
    """`(m,)`: test clips."""
    left_out: NDArray[np.float64]
    """`(n,)`: normals, each by detectors that have not seen it."""
    pseudo: NDArray[np.float64]
    """`(p,)`: other machines' normals, which stand for anomalies where a system is chosen without any."""


SystemScores = dict[tuple[str, int], SectionScores]
"""Scores by machine and section."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The test clips of each section, in the order of `SectionScores.asked`."""

    target: dict[tuple[str, int], NDArray[np.bool_]]
    anomalous: dict[tuple[str, int], NDArray[np.bool_]]

    def clips(self, scores: Mapping[tuple[str, int], NDArray[np.float64]]) -> ScoredClips:
        """Scores of sections as one table."""
        keys = sorted(scores)
        return ScoredClips(
            np.concatenate([np.full(len(scores[key]), key[0]) for key in keys]),
            np.concatenate([np.full(len(scores[key]), key[1]) for key in keys]),
            np.concatenate([self.target[key] for key in keys]),
            np.concatenate([self.anomalous[key] for key in keys]),
            np.concatenate([scores[key] for key in keys]),
        )

    def figure(self, scores: SystemScores, machines: Sequence[str]) -> float:
        """Harmonic mean of all official figures of some machines; 0 when there are none."""
        chosen = {key: one.asked for key, one in scores.items() if key[0] in machines}
        return harmonic_mean(cell.value for cell in official_cells(self.clips(chosen))) if chosen else 0.0


def by_other_machines(truth: Truth, machine: str) -> Callable[[SystemScores], float]:
    """Worth of a system to a machine: what it scores on the test clips of all others."""
    return lambda scores: truth.figure(scores, sorted({key[0] for key in scores} - {machine}))


def by_pseudo_anomalies(machine: str, section: int | None = None) -> Callable[[SystemScores], float]:
    """Worth of a system: area under the curve of left-out normals against other machines' sound, mean of sections."""

    def worth(scores: SystemScores) -> float:
        some = [one for key, one in scores.items() if key[0] == machine and section in (None, key[1])]
        areas = [
            roc_auc(np.repeat([0.0, 1.0], [len(one.left_out), len(one.pseudo)]), np.r_[one.left_out, one.pseudo])
            for one in some
            if len(one.left_out) and len(one.pseudo)
        ]
        return float(np.mean(areas)) if areas else 0.0

    return worth


def by_its_own_test(truth: Truth, machine: str) -> Callable[[SystemScores], float]:
    """Worth of a system by the very test clips that it is then told for: what the paper did, and nobody can on site."""
    return lambda scores: truth.figure(scores, [machine])


def best(systems: Mapping[str, SystemScores], worth: Callable[[SystemScores], float], count: int = 1) -> list[str]:
    """Names of the `count` systems of most worth, best first; ties by name."""
    return sorted(systems, key=lambda name: (-worth(systems[name]), name))[:count]


def chosen_scores(
    systems: Mapping[str, SystemScores],
    machines: Sequence[str],
    worth: Callable[[str], Callable[[SystemScores], float]],
    count: int = 1,
) -> tuple[dict[tuple[str, int], NDArray[np.float64]], dict[str, list[str]]]:
    """Test scores by section of the mean of the `count` best systems, chosen anew for each machine; their names.

    Every system is standardised by its left-out normals before the mean is taken (section 2.5; the released code
    standardises by the test set).
    """
    scores: dict[tuple[str, int], NDArray[np.float64]] = {}
    names: dict[str, list[str]] = {}
    for machine in machines:
        names[machine] = best(systems, worth(machine), count)
        for key in sorted({key for one in systems.values() for key in one if key[0] == machine}):
            parts = [systems[name][key] for name in names[machine] if key in systems[name]]
            scores[key] = averaged([(one.asked, one.left_out) for one in parts])
    return scores, names
