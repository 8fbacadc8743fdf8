"""What was learnt of one machine, and what it says of a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from monitor.features.spec import MACHINE
from monitor.machines.calibration import DECISION, alarm_share
from monitor.machines.detectors import nearest
from monitor.machines.normals import View, context_direction, contexts_of, views_of
from monitor.machines.options import Aggregator, aggregate
from monitor.machines.simple import LONGEST_CONTEXT, SPECTRUM_WIDTH, simple_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.core.machine_readings import BandDeviation
    from monitor.core.types import Float32Array
    from monitor.features.filterbank import Float64Array
    from monitor.kept.audio import ClipReference
    from monitor.machines.calibration import Calibration, Debounce
    from monitor.machines.domain import DomainScorer
    from monitor.machines.evidence import BandStatistics
    from monitor.machines.options import Options
    from monitor.machines.simple import SimpleFeatures
    from monitor.machines.whitening import Whitening
    from monitor.machines.window import MachineWindow

__all__ = ["Aggregator", "ClipScore", "ContextScore", "MachineProfile", "NormalClip", "Scorer", "aggregate"]


class ContextScore(NamedTuple):
    """What a profile says of a context: some consecutive windows."""

    score: float
    """0 is a usual normal; higher = worse."""
    percentile: float
    """Share of the normals that score lower, 0..1."""
    domain_probability: float | None
    """Of the target domain, 0..1; None where only one domain was enrolled."""
    deviating_bands: tuple[BandDeviation, ...]
    """Loudest difference first; empty where no band is unusual."""
    nearest_clip: int
    """Index of the most similar normal's clip in `MachineProfile.clips`."""


class ClipScore(NamedTuple):
    """What a profile says of a clip."""

    score: float
    """Its contexts' scores, joined by the aggregator."""
    percentile: float
    """Share of the normals' clips that score lower, 0..1."""
    domain_probability: float | None
    """Mean over its contexts; None where only one domain was enrolled."""
    alarm: bool
    """Whether the alarm would have rung within it."""
    nearest_clip: int
    """Index of the most similar normal, to its worst context, in `MachineProfile.clips`."""
    deviating_bands: tuple[BandDeviation, ...]
    """Of its worst context."""


@dataclass(frozen=True, slots=True)
class NormalClip:
    """A clip that a machine was learnt from; the folder keeps its audio."""

    audio: ClipReference
    target: bool
    """Whether it is of the target domain."""

    @property
    def origin(self) -> str:
        """Where it came from, for people: a path, or a microphone and a time."""
        return self.audio.origin


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """One view of a context, and the detectors that judge it."""

    view: View
    domains: DomainScorer
    weight: float
    """In the mean of all scorers, above 0."""


@dataclass(frozen=True, slots=True, eq=False)
class MachineProfile:
    """All that was learnt of a machine. Scoring changes nothing: stages may share one."""

    name: str
    """As it was enrolled."""
    encoder_id: str | None
    """`name@version` of the encoder whose embeddings it needs; None: simple features only."""
    spec_fingerprint: str
    """Of the front-end."""
    context: int
    """Windows of a context, 1 to `LONGEST_CONTEXT`: as many as the enrolled clips have."""
    gain_db: float
    """Makes the normals' typical level 0 dB; frozen, so that a change of level is heard."""
    scorers: tuple[Scorer, ...]
    """One or more; their scores are averaged."""
    calibration: Calibration
    """Of a context's score."""
    clip_calibration: Calibration
    """Of a clip's score."""
    options: Options
    """With which it was learnt."""
    bands: BandStatistics
    normals: Float64Array
    """float64 `(n, d)`: spectra of normal contexts, scaled, to find the nearest."""
    normals_whitening: Whitening
    """What scales them."""
    normals_clip: NDArray[np.int64]
    """int64 `(n,)`: the clip of each, an index in `clips`."""
    clips: tuple[NormalClip, ...]
    enrolled_utc_ns: int
    """UTC, nanoseconds since 1970."""
    notes: tuple[str, ...] = ()
    """What could not be fitted as asked, and other warnings of the enrollment, each one sentence."""

    def __post_init__(self) -> None:
        if self.spec_fingerprint != MACHINE.fingerprint:
            raise ValueError(f"was learnt on features {self.spec_fingerprint}, these are {MACHINE.fingerprint}")
        if not 1 <= self.context <= LONGEST_CONTEXT or not self.scorers or not np.isfinite(self.gain_db):
            raise ValueError(f"a context of {self.context} windows, {len(self.scorers)} scorers, gain {self.gain_db}")
        if self.normals.shape != (len(self.normals_clip), SPECTRUM_WIDTH) or not len(self.normals):
            raise ValueError(f"normals {self.normals.shape} of {len(self.normals_clip)} places")
        if self.normals_clip.min() < 0 or self.normals_clip.max() >= len(self.clips):
            raise ValueError("a normal is of a clip that is not there")
        if (self.encoder_id is None) != all(scorer.view != "embedding" for scorer in self.scorers):
            raise ValueError("embeddings and their encoder belong together")
        for scorer in self.scorers:
            # What does not fit together raises ValueError here, rather than at the first window.
            width = {"spectrum": SPECTRUM_WIDTH, "level": 1}.get(scorer.view, len(scorer.domains.source.whitening.mean))
            scorer.domains.score(np.zeros((1, width)))

    @property
    def debounce(self) -> Debounce:
        """With which the alarm line was set."""
        return self.options.debounce

    @property
    def false_alarms_a_week(self) -> float:
        """For which the alarm line is set, above 0."""
        return self.options.false_alarms_a_week

    @property
    def alarm_share(self) -> float:
        """Share of the normals' scores that may lie above the alarm line."""
        return alarm_share(self.false_alarms_a_week, self.debounce, self.context)

    @property
    def alarm_score(self) -> float:
        """A context's score from which on it counts towards an alarm."""
        return self.calibration.score_at(self.alarm_share)

    @property
    def alarm_percentile(self) -> float:
        """The alarm line on the scale of the percentile, 0..1."""
        return self.calibration.percentile(self.alarm_score)

    @property
    def decision_score(self) -> float:
        """The score that one normal window in ten exceeds: the DCASE baseline's line."""
        return self.calibration.score_at(1.0 - DECISION)

    def score(self, features: SimpleFeatures, embedding: NDArray[np.floating] | None = None) -> ContextScore:
        """Judge a context of `context` windows; `embedding` `(d,)`: `context_direction` of its windows' embeddings.

        Raises ValueError when the embedding is missing though `encoder_id` asks for one.
        """
        return self._judge([features], None if embedding is None else [embedding.astype(np.float64)])[0]

    def score_clip(self, windows: Sequence[MachineWindow], embeddings: Float32Array | None = None) -> ClipScore:
        """Judge the consecutive windows of a clip, one or more; `embeddings` is float32 `(n, d)`, one a window."""
        contexts = contexts_of(windows, self.context)
        directions = None
        if embeddings is not None:
            directions = [context_direction(embeddings[at : at + len(some)]) for at, some in enumerate(contexts)]
        judged = self._judge([simple_features(some) for some in contexts], directions)
        scores = np.array([one.score for one in judged])
        told = [one.domain_probability for one in judged if one.domain_probability is not None]
        worst = judged[int(np.argmax(scores))]
        score = aggregate(scores, self.options.aggregator)
        return ClipScore(
            score,
            self.clip_calibration.percentile(score),
            sum(told) / len(told) if told else None,
            bool((self.debounce.over(scores) > self.alarm_score).any()),
            worst.nearest_clip,
            worst.deviating_bands,
        )

    def _judge(
        self, features: Sequence[SimpleFeatures], directions: Sequence[Float64Array] | None
    ) -> list[ContextScore]:
        if self.encoder_id is not None and directions is None:
            raise ValueError(f"machine {self.name} was learnt with {self.encoder_id} and needs its embeddings")
        views = views_of(features, directions)
        weights = np.array([scorer.weight for scorer in self.scorers])
        scores = (
            weights @ np.stack([scorer.domains.score(views[scorer.view]) for scorer in self.scorers]) / weights.sum()
        )
        told = [scorer.domains.probability(views[scorer.view]) for scorer in self.scorers if scorer.view != "level"]
        probabilities = [one for one in told if one is not None]
        domain = np.mean(probabilities, axis=0) if probabilities else None
        near = nearest(self.normals_whitening(views["spectrum"]), self.normals, 1)[1][:, 0]
        return [
            ContextScore(
                float(score),
                self.calibration.percentile(float(score)),
                None if domain is None else float(domain[at]),
                self.bands.deviations(features[at].bands_db + self.gain_db),
                int(self.normals_clip[near[at]]),
            )
            for at, score in enumerate(scores)
        ]
