"""Tags in sound without birds: the monitor's own gate and tagger listen, every enrolled set judges what they hear."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import gamma

from monitor.birds.cohort import Level, normalised
from monitor.birds.enrolled import Verdict
from monitor.birds.gate import Gate, GateThresholds
from monitor.birds.tagger import LONGEST_CALL, SAME_CALL, Tagger
from monitor.core.types import FeatureBlock, Span
from monitor.features.frontend import Kernel
from monitor.features.windows import Windower
from training.fewshot.embeddings import unit_rows
from training.fewshot.figures import FalseTagFigure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.birds.cohort import Calibration, Cohort
    from monitor.core.events import TagDetection
    from monitor.features.spec import FeatureSpec
    from monitor.inference.bundle import Bundle
    from training.fewshot.embeddings import Encoder
    from training.fewshot.enrolled_sets import EnrolledSets

BLOCK = 100
"""Frames that are pushed at a time: the tagger is handed no more than it may be ahead."""

EVERYTHING = GateThresholds(0.0, 0.0)
"""A gate that lets all sound through, in activities of ten seconds: the worst that could happen."""


class TrainedEmbedder:
    """An encoder that is no bundle yet, as the tagger takes one."""

    def __init__(self, encoder: Encoder, spec: FeatureSpec, frames: int) -> None:
        self.spec = spec
        self.frames = frames
        self.model_id = "in training"
        self._encoder = encoder

    def embed(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(n, frames, bands)` -> float32 `(n, d)`, rows of length 1."""
        return unit_rows(self._encoder(windows)).astype(np.float32)


@dataclass(slots=True)
class Listener:
    """Stands where the enrolled species stand: keeps every embedding, and names each so that none are merged."""

    heard: list[NDArray[np.float32]] = field(default_factory=list)

    def judge(self, embedding: NDArray[np.float32]) -> Verdict:
        """Keep it under a name of its own."""
        self.heard.append(embedding)
        return Verdict(f"{len(self.heard)}", 1.0, 1.0, None)


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Everything that would get a final tag in one stream."""

    name: str
    """What sound."""
    embedding: NDArray[np.float32]
    """`(m, d)`, rows of length 1, in the order of the activities."""
    spans: tuple[Span, ...]
    """Of the activities."""
    hours: float
    """That were listened to."""


def hear(
    name: str,
    stream: NDArray[np.float32],
    gate: Bundle,
    encoder: Encoder,
    frames: int,
    thresholds: GateThresholds | None = None,
) -> Heard:
    """Run a stream `(n,)` at the gate's rate through gate and tagger; `thresholds` None: the gate's own."""
    if gate.spec is None:
        raise ValueError(f"{gate.manifest.id} takes no features")
    spec, cut = gate.spec, gate.manifest.window
    stage = Gate(gate, thresholds)
    tagger = Tagger(TrainedEmbedder(encoder, spec, frames), gate, stage.thresholds)
    listener = Listener()
    tagger.enrolled = listener
    windower = Windower(spec, cut.frames, cut.hop)
    features = Kernel(spec)(stream)
    tags: list[TagDetection] = []
    for first in range(0, len(features), BLOCK):
        block = FeatureBlock(features[first : first + BLOCK], first)
        tags += tagger.push(block)
        tags += [tag for window in windower.push(block) for item in stage.push(window) for tag in tagger.push(item)]
    tags += [tag for item in stage.flush() for tag in tagger.push(item)]
    tags += tagger.flush()
    final = [i for i, tag in enumerate(tags) if not tag.provisional]
    rows = np.stack([listener.heard[i] for i in final]) if final else np.zeros((0, 1), dtype=np.float32)
    return Heard(name, rows, tuple(tags[i].span for i in final), len(stream) / spec.rate / 3600.0)


def join(heard: Sequence[Heard], name: str) -> Heard:
    """Several streams as one row; a call never reaches from one into the next."""
    full = [one for one in heard if len(one.embedding)]
    rows = np.concatenate([one.embedding for one in full]) if full else np.zeros((0, 1), dtype=np.float32)
    spans: list[Span] = []
    start = 0
    for one in full:
        spans += [Span(span.start + start, span.end + start) for span in one.spans]
        start = spans[-1].end + SAME_CALL + 1
    return Heard(name, rows, tuple(spans), sum(one.hours for one in heard))


def best_scores(
    heard: Heard, sets: EnrolledSets, embeddings: NDArray[np.floating], cohort: Cohort
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Score and number of the best candidate `(sets, activities)`, for sets of clips `(n, d)`."""
    shape = (len(sets.support), len(heard.embedding))
    if not shape[1]:
        return np.zeros(shape), np.zeros(shape, dtype=np.intp)
    prototypes = sets.prototypes(embeddings)
    levels, own = cohort.level(prototypes), cohort.level(heard.embedding)
    scores: list[NDArray[np.float64]] = []
    for number in range(shape[0]):
        some = slice(number * sets.enrolled, (number + 1) * sets.enrolled)
        similarity = (heard.embedding @ prototypes[some].T).astype(np.float64)
        scores.append(normalised(similarity, own, Level(levels.mean[some], levels.deviation[some])))
    together = np.stack(scores)
    return together.max(axis=2), together.argmax(axis=2)


def calls(spans: Sequence[Span], labels: Sequence[int | None]) -> int:
    """Named tags, those that continue the tag before not counted, as the tagger decides it."""
    count = 0
    before: tuple[Span, int | None] | None = None
    for span, label in zip(spans, labels, strict=True):
        whole = span
        if before and before[1] == label and span.start - before[0].end <= SAME_CALL:
            joined = Span(before[0].start, span.end)
            if joined.length <= LONGEST_CALL:
                whole = joined
        count += label is not None and whole is span
        before = (whole, label)
    return count


def count_false_tags(
    heard: Heard,
    sets: EnrolledSets,
    embeddings: NDArray[np.floating],
    cohort: Cohort,
    calibration: Calibration,
) -> FalseTagFigure:
    """Tags with a name in a stream without birds, the mean over the sets."""
    scores, best = best_scores(heard, sets, embeddings, cohort)
    named = calibration.probability(scores) >= calibration.known
    counts = [
        calls(heard.spans, [int(label) if yes else None for label, yes in zip(*row, strict=True)])
        for row in zip(best, named, strict=True)
    ]
    count = float(np.mean(counts))
    return FalseTagFigure(
        name=heard.name,
        enrolled=sets.enrolled,
        shots=sets.shots,
        hours=heard.hours,
        activities=len(heard.spans),
        count=count,
        most_per_hour=poisson_bound(count) / heard.hours,
        sets=len(sets.support),
    )


def poisson_bound(count: float, confidence: float = 0.95) -> float:
    """Mean above which `count` events or fewer are unlikely: 3.0 for none; continued between whole numbers."""
    return float(gamma.ppf(confidence, count + 1.0))
