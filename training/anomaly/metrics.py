"""The figures of DCASE Task 2 (2022 on), the paper's own variant of them, and their intervals over clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.evaluate import roc_auc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import ArrayLike, NDArray

MAX_FPR = 0.1
"""Share of false positives up to which the partial area counts."""
LEAST_NORMALS = 8
LEAST_ANOMALIES = 5
APART = frozenset({"lathe"})
"""Machines whose recordings differ in more than their health; never in the headline."""


def partial_auc(labels: ArrayLike, scores: ArrayLike, max_fpr: float = MAX_FPR) -> float:
    """Area under the ROC curve up to `max_fpr`, standardised after McClish: 0.5 is chance, 1 is perfect.

    Not a number when a class is absent.
    """
    truth = np.asarray(labels, dtype=np.float64) > 0.5
    values = np.asarray(scores, dtype=np.float64)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    order = np.argsort(-values, kind="stable")
    last = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)  # equal scores are one threshold
    hits = np.cumsum(truth[order])[last]
    recall = np.concatenate([[0.0], hits / positives])
    false = np.concatenate([[0.0], (last + 1 - hits) / negatives])
    inside = int(np.searchsorted(false, max_fpr, side="right"))
    at_edge = np.interp(max_fpr, false, recall) if inside == len(false) else _between(false, recall, inside, max_fpr)
    area = float(np.trapezoid(np.append(recall[:inside], at_edge), np.append(false[:inside], max_fpr)))
    least = 0.5 * max_fpr**2
    return 0.5 * (1.0 + (area - least) / (max_fpr - least))


def _between(false: NDArray[np.float64], recall: NDArray[np.float64], i: int, at: float) -> float:
    """Recall at a share of false positives between points `i - 1` and `i` of the curve."""
    share = (at - false[i - 1]) / (false[i] - false[i - 1])
    return float(recall[i - 1] + share * (recall[i] - recall[i - 1]))


def harmonic_mean(values: Iterable[float]) -> float:
    """Of values 0..1; a value of 0 counts as the smallest step of a float, as in the official evaluator."""
    numbers = np.maximum(np.fromiter(values, dtype=np.float64), np.finfo(np.float64).eps)
    return float(len(numbers) / np.sum(1.0 / numbers)) if len(numbers) else float("nan")


@dataclass(frozen=True, slots=True)
class ScoredClips:
    """Clips of `test` with what a system says of them; all arrays `(n,)`."""

    machine: NDArray[np.str_]
    section: NDArray[np.int64]
    target: NDArray[np.bool_]
    """Whether the clip is of the target domain."""
    anomalous: NDArray[np.bool_]
    score: NDArray[np.float64]
    """Higher = worse."""

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> ScoredClips:
        """Some of them."""
        return ScoredClips(
            self.machine[chosen],
            self.section[chosen],
            self.target[chosen],
            self.anomalous[chosen],
            self.score[chosen],
        )

    def sections(self) -> list[tuple[str, int]]:
        """Machine and section, each once, in order."""
        return sorted({(str(m), int(s)) for m, s in zip(self.machine, self.section, strict=True)})

    def of(self, machine: str, section: int) -> ScoredClips:
        """Clips of one section."""
        return self.where((self.machine == machine) & (self.section == section))


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of one section."""

    machine: str
    section: int
    figure: str
    """auc_source, auc_target, pauc; in the paper's variant also pauc_source, pauc_target, auc_all, pauc_all."""
    value: float
    """0..1."""
    normals: int
    anomalies: int

    @property
    def headline(self) -> bool:
        """Whether enough clips stand behind it to be averaged, and its machine is no special case."""
        enough = self.normals >= LEAST_NORMALS and self.anomalies >= LEAST_ANOMALIES
        return enough and self.machine not in APART


def official_cells(clips: ScoredClips) -> list[Cell]:
    """The official figures: AUC of each domain's normals against **all** anomalies of the section; pAUC of the section.

    Figures without normals or without anomalies are left out.
    """
    cells: list[Cell] = []
    for machine, section in clips.sections():
        here = clips.of(machine, section)
        for figure, domain in (("auc_source", False), ("auc_target", True)):
            cells += _cell(machine, section, figure, here.where(here.anomalous | (here.target == domain)), roc_auc)
        cells += _cell(machine, section, "pauc", here, partial_auc)
    return cells


def paper_cells(clips: ScoredClips) -> list[Cell]:
    """The paper's variant: normals **and** anomalies of one domain (its Tables 1 and 2), or all (Table 3)."""
    cells: list[Cell] = []
    for machine, section in clips.sections():
        here = clips.of(machine, section)
        parts = {"source": here.where(~here.target), "target": here.where(here.target), "all": here}
        for name, some in parts.items():
            cells += _cell(machine, section, f"auc_{name}", some, roc_auc)
            cells += _cell(machine, section, f"pauc_{name}", some, partial_auc)
    return cells


def paper_figures(clips: ScoredClips) -> dict[str, float]:
    """Harmonic means of `paper_cells` by part: source, target, all; what has no figure is not a number."""
    cells = paper_cells(clips)
    return {
        part: harmonic_mean(cell.value for cell in cells if cell.figure.endswith(f"_{part}"))
        for part in ("source", "target", "all")
    }


def _cell(
    machine: str, section: int, figure: str, clips: ScoredClips, measure: Callable[[ArrayLike, ArrayLike], float]
) -> list[Cell]:
    anomalies = int(clips.anomalous.sum())
    normals = len(clips.anomalous) - anomalies
    if not anomalies or not normals:
        return []
    value = measure(clips.anomalous, clips.score)
    return [Cell(machine, section, figure, value, normals, anomalies)]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a system is compared by: harmonic means of official figures, 0..1."""

    everything: float
    """Of all cells."""
    headline: float
    """Of the cells that stand on enough clips."""
    headline_interval: tuple[float, float]
    """95 %, by drawing clips anew within each section, domain and label."""
    by_machine: dict[str, float]
    """Of all cells of a machine."""
    cells: tuple[Cell, ...]


def summarise(clips: ScoredClips, rounds: int = 500, seed: int = 0) -> Summary:
    """The official figures of one system. `rounds` draws of the bootstrap; 0 for no interval (not a number)."""
    cells = official_cells(clips)
    machines = sorted({cell.machine for cell in cells})
    return Summary(
        harmonic_mean(cell.value for cell in cells),
        headline_of(cells),
        bootstrap(clips, lambda some: headline_of(official_cells(some)), rounds, seed),
        {name: harmonic_mean(cell.value for cell in cells if cell.machine == name) for name in machines},
        tuple(cells),
    )


def headline_of(cells: Iterable[Cell]) -> float:
    """Harmonic mean of the cells that count; not a number when none does."""
    return harmonic_mean(cell.value for cell in cells if cell.headline)


def bootstrap(
    clips: ScoredClips, figure: Callable[[ScoredClips], float], rounds: int, seed: int
) -> tuple[float, float]:
    """95 % interval of a figure when clips are drawn anew within each machine, section, domain and label.

    Not a number without rounds, or where the figure is none.
    """
    if not rounds or np.isnan(figure(clips)):
        return float("nan"), float("nan")
    keys = zip(clips.machine, clips.section, clips.target, clips.anomalous, strict=True)
    strata: dict[tuple[str, int, bool, bool], list[int]] = {}
    for i, (machine, section, target, anomalous) in enumerate(keys):
        strata.setdefault((str(machine), int(section), bool(target), bool(anomalous)), []).append(i)
    members = [np.array(strata[key]) for key in sorted(strata)]
    generator = np.random.default_rng(seed)
    drawn = [
        figure(clips.where(np.concatenate([some[generator.integers(len(some), size=len(some))] for some in members])))
        for _ in range(rounds)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
