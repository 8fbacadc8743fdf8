"""Few-shot scores of any embedding: episodes answered from the inner products of all clips, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from training.data.episodes import EpisodeSampler
from training.fewshot.embeddings import unit_rows
from training.fewshot.figures import FewShotFigure, Interval
from training.fewshot.resampling import QuestionSampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.data.catalog import Recording
    from training.data.episodes import Protocol

EPISODES = 10_000
REPLICATES = 400
"""Of the bootstrap."""
QUESTIONS = 2_000
"""Of a replicate: its own noise of a percentage point is small beside the spread over species."""
CHUNK = 2_000
"""Episodes answered together, so that memory stays bounded."""


class Method(StrEnum):
    """How clips of an episode become an answer."""

    NEAREST = "nearest cosine prototype"
    """After the frozen mean, if there is one: what the monitor does."""
    SUPPORT_CENTRED = "centred on the support, nearest prototype"
    """The mean of the episode's support is taken off before scaling to length 1: the paper's."""
    PROTONET = "ProtoNet (squared Euclidean distance, raw)"
    SIMPLESHOT = "SimpleShot CL2N"
    """Mean of the base species taken off, length 1, nearest centroid."""


def answer_shares(
    gram: NDArray[np.float64], support: NDArray[np.integer], query: NDArray[np.integer], method: Method
) -> NDArray[np.float64]:
    """Chance of each answer 0..1 `(episodes, queries, ways)`: 1 for the nearest prototype, shared where several tie.

    `gram` `(n, n)` holds the inner products of what `points` gives for the method, `support` rows are
    `(episodes, ways, shots)`, `query` rows `(episodes, queries)`.
    """
    episodes, ways, shots = support.shape
    flat = support.reshape(episodes, -1)
    cross = gram[query[:, :, None], flat[:, None, :]]  # (episodes, queries, ways * shots)
    within = gram[support[:, :, :, None], support[:, :, None, :]]  # (episodes, ways, shots, shots)
    if method is Method.SUPPORT_CENTRED:
        cross, within = _centred(gram, flat, query, cross, within)
    agreement = cross.reshape(episodes, -1, ways, shots).mean(axis=3)
    length = within.mean(axis=(2, 3))[:, None, :]  # squared, of each prototype
    if method in (Method.PROTONET, Method.SIMPLESHOT):
        scores = 2.0 * agreement - length
    else:
        scores = agreement / np.sqrt(np.maximum(length, 1e-12))
    best = scores == scores.max(axis=2, keepdims=True)
    return best / best.sum(axis=2, keepdims=True)


def _centred(
    gram: NDArray[np.float64],
    flat: NDArray[np.integer],
    query: NDArray[np.integer],
    cross: NDArray[np.float64],
    within: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inner products after the mean of the support is taken off and every point is scaled to length 1."""
    with_mean = gram[flat[:, :, None], flat[:, None, :]].mean(axis=2)  # of support points and the mean
    query_with_mean = cross.mean(axis=2)
    mean_squared = with_mean.mean(axis=1)[:, None]
    own = gram.diagonal()
    length = np.sqrt(np.maximum(own[flat] - 2.0 * with_mean + mean_squared, 1e-12))
    query_length = np.sqrt(np.maximum(own[query] - 2.0 * query_with_mean + mean_squared, 1e-12))
    moved = cross - query_with_mean[:, :, None] - with_mean[:, None, :] + mean_squared[:, :, None]
    cross = moved / (query_length[:, :, None] * length[:, None, :])
    shape = within.shape[:3]
    with_mean, length = with_mean.reshape(shape), length.reshape(shape)
    moved = within - with_mean[..., :, None] - with_mean[..., None, :] + mean_squared[:, :, None, None]
    return cross, moved / (length[..., :, None] * length[..., None, :])


def points(
    embeddings: NDArray[np.floating], method: Method, mean: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """Embeddings `(n, d)` as the method compares them; `mean` `(d,)` of base species, where the method takes one."""
    values = np.asarray(embeddings, dtype=np.float64)
    if method in (Method.PROTONET, Method.SUPPORT_CENTRED):
        return values
    return unit_rows(values if mean is None else values - mean)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A figure, and what its interval is made of."""

    figure: FewShotFigure
    replicates: NDArray[np.float64]
    """Accuracy 0..1 of each replicate; replicate i is the same draw for every embedding of one `EpisodeSet`."""

    def better_than(self, other: Measured) -> Interval:
        """How much more accurate this one is, with the 95 % interval of the difference (paired draws)."""
        difference = self.figure.accuracy.value - other.figure.accuracy.value
        return Interval.around(difference, self.replicates - other.replicates)


class EpisodeSet:
    """The episodes of one protocol on the clips of one part, drawn once for everything that is compared."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        protocol: Protocol,
        episodes: int = EPISODES,
        seed: int = 0,
        replicates: int = REPLICATES,
        questions: int = QUESTIONS,
    ) -> None:
        """Raises UsageError when too few species have what the protocol asks for."""
        self.protocol = protocol
        self.clips = len(recordings)
        sampler = EpisodeSampler(recordings, protocol, seed)
        self.species = sampler.species
        drawn = list(sampler.episodes(episodes))
        self._support = np.array([one.support for one in drawn], dtype=np.intp)
        self._query = np.array([one.query for one in drawn], dtype=np.intp).reshape(episodes, -1)
        self._truth = np.repeat(np.arange(protocol.ways), protocol.queries)
        generator = np.random.default_rng(seed)
        asker = QuestionSampler(sampler, len(recordings))
        self._replicates = [asker.draw(questions, asker.weights(generator), generator) for _ in range(replicates)]

    def measure(
        self,
        embeddings: NDArray[np.floating],
        method: Method = Method.NEAREST,
        mean: NDArray[np.floating] | None = None,
        name: str = "",
    ) -> Measured:
        """Accuracy of embeddings `(n, d)`, rows in the order of the recordings.

        Raises ValueError when there are not as many rows as clips, or not all are finite.
        """
        values = points(embeddings, method, mean)
        if len(values) != self.clips or not np.isfinite(values).all():
            raise ValueError(f"{len(values)} embeddings for {self.clips} clips, all of which must be finite")
        gram = values @ values.T
        right = [
            answer_shares(gram, self._support[some], self._query[some], method)[
                :, np.arange(len(self._truth)), self._truth
            ]
            for some in _chunks(len(self._support))
        ]
        accuracy = float(np.concatenate(right).mean())
        replicates = np.array(
            [answer_shares(gram, one.support, one.query, method)[:, 0, 0].mean() for one in self._replicates]
        )
        figure = FewShotFigure(
            name=name,
            ways=self.protocol.ways,
            shots=self.protocol.shots,
            apart=str(self.protocol.apart),
            method=str(method),
            accuracy=Interval.around(accuracy, replicates, (0.0, 1.0)),
            episodes=len(self._support),
            species=len(self.species),
            clips=self.clips,
        )
        return Measured(figure, replicates)


def _chunks(count: int) -> list[slice]:
    return [slice(first, first + CHUNK) for first in range(0, count, CHUNK)]
