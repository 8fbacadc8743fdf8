"""How a classifier is asked: clips of a part, cues alone, thresholds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.baselines import bandwidth, level
from training.data.splits import Part
from training.evaluate import threshold_at
from training.results import Figure
from training.species.fit import mean_by_clip
from training.species.metrics import (
    confusion,
    interval_of_uar,
    mean_average_precision,
    recalls,
    unweighted_average_recall,
)
from training.species.render import asked
from training.species.results import Scores

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.species.recipe import Decision, SpeciesSettings
    from training.species.source import Clip, Source

    Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]
    """Windows `(n, frames, bands)` -> one value a class, higher is likelier, `(n, classes)`."""

HOW = "recordings, or recorder-days, resampled; draws that lack a class left out"


@dataclass(frozen=True, slots=True)
class Asked:
    """Clips of a part and their windows."""

    clips: list[Clip]
    features: NDArray[np.float32]
    """`(windows, frames, bands)`."""
    places: NDArray[np.int64]
    """Clip of each window."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class of each clip."""
        return np.array([clip.label for clip in self.clips], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a scorer says of them."""

    labels: NDArray[np.int64]
    """`(clips,)`."""
    values: NDArray[np.float64]
    """`(clips, classes)`, means over the windows of a clip."""
    windows: NDArray[np.float64]
    """`(windows, classes)`."""
    window_labels: NDArray[np.int64]
    units: NDArray[np.str_]
    """What intervals resample, `(clips,)`."""


def ask_about(settings: SpeciesSettings, source: Source, part: Part) -> Asked | None:
    """Windows of a part's clips; None where it has no clip."""
    clips = source.of(part)
    if not clips:
        return None
    features, places = asked(source, settings.sound, clips, part, settings.seed)
    return Asked(clips, features, places)


def answer(some: Asked, score: Score) -> Answers:
    """All windows scored."""
    windows = score(some.features)
    labels = some.labels
    return Answers(
        labels=labels,
        values=mean_by_clip(windows, some.places, len(some.clips)),
        windows=windows,
        window_labels=labels[some.places],
        units=np.array([clip.component for clip in some.clips]),
    )


def scores(answers: Answers, labels: tuple[str, ...]) -> Scores:
    """Figures with an interval."""
    chosen = answers.values.argmax(axis=1)
    count = len(labels)
    each = recalls(answers.labels, chosen, count)
    low, high = interval_of_uar(answers.labels, chosen, answers.units, count)
    return Scores(
        uar=Figure(unweighted_average_recall(answers.labels, chosen, count), low, high, HOW),
        map=mean_average_precision(answers.labels, answers.values),
        accuracy=float((chosen == answers.labels).mean()),
        recall={label: float(each[i]) for i, label in enumerate(labels) if np.isfinite(each[i])},
    )


def confused(answers: Answers, classes: int) -> tuple[tuple[int, ...], ...]:
    """Confusion of the clips."""
    table = confusion(answers.labels, answers.values.argmax(axis=1), classes)
    return tuple(tuple(int(n) for n in row) for row in table)


def thresholds_of(answers: Answers | None, labels: tuple[str, ...], decision: Decision) -> dict[str, float]:
    """By label: what at most a share of the windows of other classes reach, within the recipe's bounds."""
    if answers is None:
        return {}
    found: dict[str, float] = {}
    for i, label in enumerate(labels):
        others = answers.windows[answers.window_labels != i, i]
        if len(others):
            found[label] = float(np.clip(threshold_at(others, decision.false_share), decision.least, decision.most))
    return found


def cues(settings: SpeciesSettings, source: Source, test: Asked | None) -> dict[str, float]:
    """UAR of boosted trees that see one number of a window: what the recorder gives away."""
    if test is None:
        return {}
    from sklearn.ensemble import HistGradientBoostingClassifier

    heard = ask_about(settings, source, Part.TRAIN)
    if heard is None:
        return {}
    found: dict[str, float] = {}
    for name, cue in (("level", level), ("bandwidth", bandwidth)):
        trees = HistGradientBoostingClassifier(max_iter=50, class_weight="balanced", random_state=settings.seed)
        trees.fit(cue(heard.features), heard.labels[heard.places])
        chances = trees.predict_proba(cue(test.features))
        mean = mean_by_clip(chances, test.places, len(test.clips))
        chosen = np.asarray(trees.classes_)[mean.argmax(axis=1)]
        found[name] = unweighted_average_recall(test.labels, chosen, len(source.labels))
    return found


def counts(source: Source) -> dict[str, tuple[int, int, int]]:
    """By label: clips that train, validate, test."""
    found = Counter((clip.label, clip.part) for clip in source.clips)
    return {
        label: (found[i, Part.TRAIN], found[i, Part.VALIDATION], found[i, Part.TEST])
        for i, label in enumerate(source.labels)
    }
