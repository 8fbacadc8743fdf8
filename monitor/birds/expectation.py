"""What to expect of an enrolled species: whether its clips recognise one another, and what it is mistaken for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from monitor.birds.cohort import Calibration, Cohort
from monitor.birds.embedder import mean_direction
from monitor.birds.likeness import likeness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.birds.cohort import Float64Array
    from monitor.birds.likeness import Likeness
    from monitor.birds.prototype import Prototype
    from monitor.core.types import Float32Array
    from monitor.inference.bundle import Bundle
    from monitor.inference.cohort_file import CohortArrays


@dataclass(frozen=True, slots=True)
class Judge:
    """What a similarity is worth to an encoder."""

    cohort: Cohort
    calibration: Calibration
    others: CohortArrays | None = None
    """What the cohort is made of, to try a species on; None: it is not tried."""

    @classmethod
    def of(cls, bundle: Bundle, known: float | None = None) -> Judge:
        """The encoder's own; `known` instead of its threshold. Raises BundleError when it has no cohort."""
        return cls(Cohort.of(bundle), Calibration.of(bundle.manifest, known), bundle.cohort)

    def threshold(self, prototype: Prototype) -> float:
        """Probability from which on a tag names the species, 0..1."""
        return self.calibration.known if prototype.threshold is None else prototype.threshold

    def scores(self, queries: Float32Array, prototypes: Float32Array) -> Float64Array:
        """Normalised scores `(k, n)` of unit vectors `(k, d)` and `(n, d)`."""
        return self.cohort.standing(prototypes).scores_of(queries)


@dataclass(frozen=True, slots=True)
class ClipAgreement:
    """What the tagger would say of a clip if the species had been learnt from the other clips alone."""

    origin: str
    probability: float
    """That it is the species, 0..1."""
    recognised: bool
    """The species is the best candidate, at or above its threshold."""
    rival: str | None
    """Another enrolled species that is likelier, if one is."""
    unrelated: bool
    """Less like the other clips than most clips of different species are like one another."""


@dataclass(frozen=True, slots=True)
class CohortTrial:
    """How many clips of the encoder's cohort would be named as the species, of those that are not known to be it."""

    named: int
    size: int
    taxon: str | None
    """Where most of those come from (empty: background), None for none."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the enrolled clips themselves tell."""

    threshold: float
    """Probability from which on a tag names the species, 0..1."""
    clips: tuple[ClipAgreement, ...]
    """One for each clip, in order; none where there is only one clip."""
    nearest: tuple[str, float] | None
    """The most similar of the other species, and the probability that the two are one; None without others."""
    confusable: tuple[tuple[str, float], ...]
    """Other species that cannot be told from it, the most similar first: name and that probability."""
    trial: CohortTrial | None
    """None where the cohort was not at hand."""
    one_voice: bool
    """The clips are more alike than nine in ten pairs of clips of one species: one individual, or one song type."""

    @property
    def recognised(self) -> int:
        """Clips that the others recognise."""
        return sum(clip.recognised for clip in self.clips)

    @property
    def recall(self) -> tuple[float, float]:
        """95 % interval (Wilson) of the share of clips that are recognised."""
        return wilson(self.recognised, len(self.clips))


def expect(prototype: Prototype, others: Sequence[Prototype], judge: Judge) -> Expectation:
    """Compare a species with itself and with `others`, all of the judge's encoder."""
    threshold = judge.threshold(prototype)
    rivals = [other for other in others if other.name != prototype.name]
    nearest: list[tuple[str, float]] = []
    vectors = np.stack([other.vector for other in rivals]) if rivals else None
    if vectors is not None:
        likely = judge.calibration.probability(judge.scores(prototype.vector[None], vectors))[0]
        order = np.argsort(-likely, kind="stable")
        nearest = [(rivals[index].name, float(likely[index])) for index in map(int, order)]
    levels = {other.name: min(threshold, judge.threshold(other)) for other in rivals}
    confusable = tuple(pair for pair in nearest if pair[1] >= levels[pair[0]])
    level = likeness(judge.cohort, judge.others) if judge.others else None
    several = len(prototype.clips) > 1
    clips = _agreement(prototype, rivals, vectors, judge, level) if several else ()
    one_voice = several and level is not None and level.same is not None and _mean_pair(prototype, judge) >= level.same
    closest = nearest[0] if nearest else None
    return Expectation(threshold, clips, closest, confusable, _trial(prototype, judge), one_voice)


def _mean_pair(prototype: Prototype, judge: Judge) -> float:
    """Mean normalised score of two of its clips."""
    scores = judge.scores(prototype.embeddings, prototype.embeddings)
    return float(scores[~np.eye(len(scores), dtype=bool)].mean())


def _trial(prototype: Prototype, judge: Judge) -> CohortTrial | None:
    if judge.others is None:
        return None
    own = prototype.name.partition("_")[0].casefold()
    others = np.array([taxon.casefold() != own for taxon in judge.others.taxon], dtype=bool)
    scores = judge.scores(judge.others.embedding, prototype.vector[None])[:, 0]
    named = others & (judge.calibration.probability(scores) >= judge.threshold(prototype))
    taxa = Counter(judge.others.taxon[index] for index in map(int, np.flatnonzero(named)))
    return CohortTrial(taxa.total(), int(others.sum()), taxa.most_common(1)[0][0] if taxa else None)


def _agreement(
    prototype: Prototype,
    rivals: Sequence[Prototype],
    vectors: Float32Array | None,
    judge: Judge,
    level: Likeness | None,
) -> tuple[ClipAgreement, ...]:
    rows = prototype.embeddings
    rests = np.stack([mean_direction(np.delete(rows, index, axis=0)) for index in range(len(rows))])
    scores = judge.scores(rows, rests).diagonal()
    probabilities = judge.calibration.probability(scores)
    rival_scores = judge.scores(rows, vectors) if vectors is not None else np.full((len(rows), 1), -np.inf)
    told: list[ClipAgreement] = []
    for index, clip in enumerate(prototype.clips):
        best = int(rival_scores[index].argmax())
        beaten = bool(rival_scores[index, best] > scores[index])
        told.append(
            ClipAgreement(
                clip.origin,
                float(probabilities[index]),
                not beaten and bool(probabilities[index] >= judge.threshold(prototype)),
                rivals[best].name if beaten else None,
                level is not None and bool(scores[index] < level.different),
            )
        )
    return tuple(told)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share; 0..1 for no trial."""
    if not trials:
        return 0.0, 1.0
    z, share = 1.959964, successes / trials
    centre = share + z * z / (2 * trials)
    width = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - width) / scale), min(1.0, (centre + width) / scale)
