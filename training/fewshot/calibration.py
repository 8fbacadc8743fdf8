"""What a score means, and from where on a species is named: fitted on validation species and sound kept for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression

from monitor.birds.cohort import Calibration
from monitor.errors import UsageError
from training.data.splits import fraction
from training.fewshot.enrolled_sets import draw_sets
from training.fewshot.false_tags import best_scores
from training.fewshot.openset import answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.data.catalog import Recording
    from training.fewshot.cohort_rows import CohortRows
    from training.fewshot.enrolled_sets import EnrolledSets
    from training.fewshot.false_tags import Heard

MOST_PER_HOUR = 1.0
"""False tags on the choosing background."""
LEAST_KNOWN = 0.5
"""A species is not named where a wrong answer is likelier, however quiet the background is."""
FITTED = ((1, 1), (1, 3), (5, 1), (5, 3))
"""Enrolled species and clips of each from which slope and offset are fitted."""
SETS = 100
PLAIN = Calibration(1.0, 0.0, LEAST_KNOWN)


@dataclass(frozen=True, slots=True, eq=False)
class Half:
    """Some of the validation species asked about, against a cohort of the others."""

    rows: NDArray[np.intp]
    """Of its clips."""
    recordings: tuple[Recording, ...]
    embeddings: NDArray[np.float64]
    cohort: CohortRows

    def sets(self, enrolled: int, shots: int, sets: int = SETS) -> EnrolledSets:
        """Raises UsageError when it has too few species."""
        return draw_sets(self.recordings, enrolled, shots, sets)


def halves(
    recordings: Sequence[Recording], embeddings: NDArray[np.floating], cohort: CohortRows, seed: int = 0
) -> list[Half]:
    """The species in two halves by a hash of their names; each is asked about with the other in the cohort."""
    ranked = sorted({recording.label for recording in recordings}, key=lambda name: fraction(name, seed))
    made: list[Half] = []
    for own in (ranked[::2], ranked[1::2]):
        rows = np.array([i for i, recording in enumerate(recordings) if recording.label in set(own)])
        some = tuple(recordings[row] for row in rows)
        made.append(Half(rows, some, np.asarray(embeddings, dtype=np.float64)[rows], cohort.without(own)))
    return made


@dataclass(frozen=True, slots=True)
class Fitted:
    """Numbers for the manifest."""

    calibration: Calibration
    chosen_on: str
    """Data and criterion of the threshold."""
    background_threshold: float
    """Probability at which the background alone would have been quiet enough."""
    hours: float
    """Of choosing background."""
    nearest: int


def fit_calibration(
    recordings: Sequence[Recording],
    embeddings: NDArray[np.floating],
    cohort: CohortRows,
    heard: Heard,
    nearest: int,
    enrolled: int = 20,
    most_per_hour: float = MOST_PER_HOUR,
) -> Fitted:
    """Slope and offset by logistic regression, then the lowest threshold that is quiet enough.

    The regression asks whether the best candidate is right, for clips of the validation species (rows of `embeddings`,
    `(n, d)`) of which half are enrolled: right and wrong answers weigh alike. The threshold lets at most
    `most_per_hour` activities of the choosing background be named with `enrolled` species of one clip each, and is
    never below `LEAST_KNOWN`. Raises UsageError when scores do not tell right from wrong.
    """
    parts = halves(recordings, embeddings, cohort)
    scores: list[NDArray[np.float64]] = []
    right: list[NDArray[np.bool_]] = []
    for half in parts:
        for species, shots in FITTED:
            answers = answer(half.embeddings, half.sets(species, shots), half.cohort.cohort(nearest))
            scores.append(answers.score)
            right.append(answers.right)
    slope, offset = _logistic(np.concatenate(scores), np.concatenate(right))
    plain = Calibration(slope, offset, LEAST_KNOWN)
    highest = [
        plain.probability(best_scores(heard, sets, half.embeddings, half.cohort.cohort(nearest))[0])
        for half in parts
        for sets in [half.sets(_possible(half, enrolled), 1, 20)]
    ]
    quiet = quiet_threshold(highest, heard.hours, most_per_hour)
    known = max(LEAST_KNOWN, quiet)
    told = (
        f"{len({one.label for one in recordings})} validation species and {heard.hours:.2f} h of {heard.name}: at most "
        f"{most_per_hour:g} false tag an hour with {enrolled} species enrolled from one clip, and at least "
        f"{LEAST_KNOWN:g}"
    )
    return Fitted(Calibration(slope, offset, known), told, quiet, heard.hours, nearest)


def quiet_threshold(probabilities: Sequence[NDArray[np.float64]], hours: float, most_per_hour: float) -> float:
    """Lowest threshold at which the mean number of activities at or above it is within the rate.

    `probabilities` `(sets, activities)`, one array for each group of sets; the mean is over all sets.
    """
    sets = sum(len(group) for group in probabilities)
    together = np.sort(np.concatenate([group.ravel() for group in probabilities]))[::-1]
    allowed = int(np.floor(most_per_hour * hours * sets + 1e-9))
    return float(np.nextafter(together[allowed], np.inf)) if allowed < len(together) else 0.0


def _possible(half: Half, enrolled: int) -> int:
    return min(enrolled, len({recording.label for recording in half.recordings}))


def _logistic(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float]:
    model = LogisticRegression(C=np.inf, class_weight="balanced").fit(scores[:, None], right)
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope <= 0.0:
        why = "clips of one species score no higher than clips of two"
        raise UsageError("calibration", why, "Train the encoder before its scores are calibrated.")
    return slope, offset
