"""How a classifier is asked: clips of a part, cues alone, thresholds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.features.spec import SPECIES
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
from training.species.render import HOP, Windows, asked
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


@dataclass(frozen=True, slots=True)
class Background:
    """What a scorer says of sound without a class."""

    windows: NDArray[np.float64]
    """`(windows, classes)`."""
    hours: float
    """Of sound that the monitor hears in so many windows."""


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


def thresholds_of(
    answers: Answers | None, background: Background | None, source: Source, decision: Decision
) -> dict[str, float]:
    """By label, within the recipe's bounds: what few windows of other classes reach, and fewer of background.

    A window in which the reject class is likelier reaches nothing, as in the monitor.
    """
    if answers is None:
        return {}
    windows = _unrejected(answers.windows, source.reject)
    quiet = None if background is None else _unrejected(background.windows, source.reject)
    found: dict[str, float] = {}
    for i, label in enumerate(source.labels):
        others = windows[(answers.window_labels != i) & (answers.window_labels != source.reject), i]
        least = [threshold_at(others, decision.false_share)] if len(others) else []
        if background is not None and quiet is not None:
            allowed = decision.false_an_hour * background.hours
            least.append(threshold_at(quiet[:, i], min(1.0, allowed / len(quiet))))
        if least:
            found[label] = float(np.clip(max(least), decision.least, decision.most))
    return found


def background_of(settings: SpeciesSettings, source: Source, part: Part, hop: int, score: Score) -> Background | None:
    """Windows of a part's background, `hop` frames apart as the monitor hears them; None where it has none."""
    clips = [clip for clip in source.of(part) if clip.label == source.reject]
    windows = Windows(source, settings.sound, part)
    step = max(1, round(hop / HOP))
    generator = np.random.default_rng([settings.seed, 6])
    # Clip by clip: an hour of windows at once would be a hundred megabytes.
    rows: list[NDArray[np.float64]] = []
    seconds = 0.0
    for clip in clips:
        starts = windows.starts(clip)[::step]
        rows.append(score(np.stack([windows.features(windows.cut(clip, start, generator)) for start in starts])))
        seconds += len(starts) * step * HOP * SPECIES.hop / SPECIES.rate
    return Background(np.concatenate(rows), seconds / 3600) if rows else None


def _unrejected(windows: NDArray[np.float64], reject: int | None) -> NDArray[np.float64]:
    """With 0 for what is no likelier than the reject class."""
    return windows if reject is None else np.where(windows > windows[:, reject : reject + 1], windows, 0.0)


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
