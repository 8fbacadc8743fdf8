"""Known against unknown species, scored as the monitor scores them: against a cohort of species never enrolled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.birds.cohort import Level, normalised
from training.data.species_parts import recordist_of
from training.fewshot.embeddings import unit_rows
from training.fewshot.enrolled_sets import UNKNOWN
from training.fewshot.figures import Interval, OpenSetFigure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.birds.cohort import Calibration, Cohort
    from training.data.catalog import Recording
    from training.fewshot.enrolled_sets import EnrolledSets

SETS = {1: 400, 5: 200, 20: 100}
"""Enrolled species -> sets that are drawn."""
REPLICATES = 400


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The best candidate of each asked clip, over all sets."""

    number: NDArray[np.intp]
    """Set `(m,)`."""
    row: NDArray[np.intp]
    """Clip `(m,)`."""
    truth: NDArray[np.intp]
    """Which of the set's species it is of `(m,)`, `UNKNOWN` for none."""
    best: NDArray[np.intp]
    """Which of the set's species scores best `(m,)`."""
    score: NDArray[np.float64]
    """Its normalised score `(m,)`."""
    cosine: NDArray[np.float64]
    """The highest similarity, before it is normalised `(m,)`."""

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether the clip is of an enrolled species `(m,)`."""
        return self.truth != UNKNOWN

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the best candidate is the clip's species `(m,)`."""
        return self.truth == self.best


def answer(embeddings: NDArray[np.floating], sets: EnrolledSets, cohort: Cohort) -> Answers:
    """Ask every clip `(n, d)` that may be asked about, set by set."""
    pool = unit_rows(embeddings).astype(np.float32)
    prototypes = sets.prototypes(embeddings)
    levels, own = cohort.level(prototypes), cohort.level(pool)
    columns: list[tuple[NDArray[np.generic], ...]] = []
    for number, asked in enumerate(sets.asked):
        rows = np.flatnonzero(asked)
        some = slice(number * sets.enrolled, (number + 1) * sets.enrolled)
        similarity = (pool[rows] @ prototypes[some].T).astype(np.float64)
        queries = Level(own.mean[rows], own.deviation[rows])
        scores = normalised(similarity, queries, Level(levels.mean[some], levels.deviation[some]))
        best = scores.argmax(axis=1)
        numbers = np.full(len(rows), number)
        columns.append((numbers, rows, sets.truth[number, rows], best, scores.max(axis=1), similarity.max(axis=1)))
    return Answers(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def measure(
    answers: Answers,
    sets: EnrolledSets,
    recordings: Sequence[Recording],
    calibration: Calibration,
    name: str = "",
    replicates: int = REPLICATES,
    seed: int = 0,
) -> OpenSetFigure:
    """Figures over all sets at once, since one threshold serves them all; every species counts alike.

    The intervals weigh species and, in them, recordists anew, on the side of the question and of what was enrolled.
    """
    weigher = _Weigher(answers, sets, recordings)
    roc, cosine_roc = _Roc(answers.score, answers.known), _Roc(answers.cosine, answers.known)
    tagged = calibration.probability(answers.score) >= calibration.known
    known, right = answers.known, answers.right

    def figures(weights: NDArray[np.float64]) -> list[float]:
        of_known, of_unknown = weights * known, weights * ~known
        return [
            roc.area(weights),
            cosine_roc.area(weights),
            _share(tagged & right, of_known),
            _share(tagged & ~right, of_known),
            _share(tagged, of_unknown),
        ]

    generator = np.random.default_rng(seed)
    spread = np.array([figures(weigher.weights(generator)) for _ in range(replicates)]).reshape(replicates, -1)
    values = figures(weigher.equal())
    area, cosine_area, recall, misnamed, unknown_named = (
        Interval.around(value, spread[:, i], (0.0, 1.0)) for i, value in enumerate(values)
    )
    return OpenSetFigure(
        name=name,
        enrolled=sets.enrolled,
        shots=sets.shots,
        auroc=area,
        auroc_cosine=cosine_area,
        recall=recall,
        misnamed=misnamed,
        unknown_named=unknown_named,
        known=calibration.known,
        sets=len(sets.support),
        species=len({recording.label for recording in recordings}),
    )


class _Weigher:
    """How much each answer counts: species alike, or as a replicate of the bootstrap has it."""

    def __init__(self, answers: Answers, sets: EnrolledSets, recordings: Sequence[Recording]) -> None:
        labels = np.array([recording.label for recording in recordings])
        _, self._species = np.unique(labels, return_inverse=True)
        people = np.array([f"{one.label}\0{recordist_of(one) or one.path}" for one in recordings])
        _, self._person = np.unique(people, return_inverse=True)
        self._answers, self._sets = answers, sets
        pairs = answers.number * (self._species.max() + 1) + self._species[answers.row]
        _, group, counts = np.unique(pairs, return_inverse=True, return_counts=True)
        self._share = 1.0 / counts[group]

    def equal(self) -> NDArray[np.float64]:
        return self._share

    def weights(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """One replicate: exponential weights, as in `training.fewshot.resampling`."""
        species = generator.standard_exponential(self._species.max() + 1)
        person = generator.standard_exponential(self._person.max() + 1)
        answers, support = self._answers, self._sets.support
        learnt = person[self._person[support]].mean(axis=2)  # (sets, enrolled)
        of_set = (species[self._species[support[:, :, 0]]] * learnt).mean(axis=1)
        asked = species[self._species[answers.row]] * person[self._person[answers.row]] * self._share
        # A known species stands on both sides, and is weighed once.
        enrolled_side = np.where(
            answers.known, learnt[answers.number, np.maximum(answers.truth, 0)], of_set[answers.number]
        )
        return asked * enrolled_side


class _Roc:
    """Area under the ROC curve of fixed scores under changing weights."""

    def __init__(self, scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> None:
        _, self._rank = np.unique(scores, return_inverse=True)
        self._positive = positive

    def area(self, weights: NDArray[np.float64]) -> float:
        """Weighted chance that a positive scores above a negative, ties half; not a number without either."""
        size = int(self._rank.max()) + 1
        positive = np.bincount(self._rank, weights * self._positive, size)
        negative = np.bincount(self._rank, weights * ~self._positive, size)
        total = positive.sum() * negative.sum()
        if not total:
            return float("nan")
        return float((positive * (np.cumsum(negative) - 0.5 * negative)).sum() / total)


def _share(chosen: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    total = weights.sum()
    return float((weights * chosen).sum() / total) if total else float("nan")
