"""What a similarity is worth: measured against a cohort of other species and background, and made a probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.core.types import Float32Array
    from monitor.inference.bundle import Bundle
    from monitor.inference.manifest import Manifest

    Float64Array = NDArray[np.float64]

SMALLEST_DEVIATION = 0.01
"""Floor of the deviation of similarities (cosines): a cohort whose rows agree by chance decides nothing."""

AT_ONCE = 256
"""Vectors whose similarities to the whole cohort are in memory at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """How similar each of n vectors is to the cohort rows nearest to it."""

    mean: Float64Array
    """`(n,)`, cosine."""
    deviation: Float64Array
    """`(n,)`, of the same cosines, `SMALLEST_DEVIATION` or more."""


def normalised(similarity: Float64Array, queries: Level, prototypes: Level) -> Float64Array:
    """Cosines `(k, n)` of k queries and n prototypes -> scores `(k, n)`: the mean of both views of how unusual each is.

    Seen from the prototype, whether the query is nearer than the cohort's nearest; and the same seen from the query.
    """
    from_prototypes = (similarity - prototypes.mean) / prototypes.deviation
    from_queries = (similarity - queries.mean[:, None]) / queries.deviation[:, None]
    return 0.5 * (from_prototypes + from_queries)


class Cohort:
    """Embeddings `(m, d)` of clips of other species and of background.

    A vector's level is taken over its `nearest` most similar rows, after the taxon that has the most similar row of
    all was left out: it may be the species that is looked for. Background is never left out.
    """

    def __init__(self, embedding: Float32Array, taxon: Sequence[str], nearest: int) -> None:
        """Rows of length 1; `taxon` is empty for background. Raises ValueError when too few rows could be left."""
        if embedding.ndim != 2 or len(embedding) != len(taxon):
            raise ValueError(f"embeddings {embedding.shape} and {len(taxon)} taxa")
        names, codes = np.unique(np.array(list(taxon), dtype=np.str_), return_inverse=True)
        self._code: NDArray[np.intp] = codes
        self._is_species: NDArray[np.bool_] = np.array([bool(text) for text in taxon], dtype=np.bool_)
        largest = max((int((codes == code).sum()) for code, name in enumerate(names) if name), default=0)
        if not 1 <= nearest <= len(embedding) - largest:
            raise ValueError(f"{nearest} nearest of {len(embedding)} rows, the largest taxon having {largest}")
        self._rows = np.ascontiguousarray(embedding.T)
        self.nearest = nearest

    @classmethod
    def of(cls, bundle: Bundle) -> Cohort:
        """The one of an encoder's bundle. Raises BundleError when it has none."""
        declared = bundle.manifest.cohort
        if declared is None or bundle.cohort is None:
            why = "has no cohort, without which nothing can be called unknown"
            raise BundleError(f"model {bundle.manifest.id}", why, "Set birds.encoder to another, such as bird-encoder")
        return cls(bundle.cohort.embedding, bundle.cohort.taxon, declared.nearest)

    def level(self, vectors: Float32Array) -> Level:
        """Of unit vectors float32 `(n, d)`."""
        parts = [self._level(vectors[start : start + AT_ONCE]) for start in range(0, len(vectors), AT_ONCE)]
        none = np.zeros(0)
        mean = np.concatenate([none, *(mean for mean, _ in parts)])
        return Level(mean, np.concatenate([none, *(deviation for _, deviation in parts)]))

    def standing(self, prototypes: Float32Array) -> Standing:
        """Prototypes, float32 `(n, d)` of length 1, ready to be compared with."""
        return Standing(self, prototypes, self.level(prototypes))

    def _level(self, vectors: Float32Array) -> tuple[Float64Array, Float64Array]:
        similarity = vectors @ self._rows
        if self._is_species.any():
            # Background gets the lowest of all cosines, so that a species is found where there is one.
            best = np.where(self._is_species, similarity, np.float32(-2.0)).argmax(axis=1)
            similarity[self._code == self._code[best][:, None]] = -2.0
        nearest = np.partition(similarity, -self.nearest, axis=1)[:, -self.nearest :].astype(np.float64)
        return nearest.mean(axis=1), np.maximum(nearest.std(axis=1), SMALLEST_DEVIATION)


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Prototypes and their level in a cohort."""

    cohort: Cohort
    prototypes: Float32Array
    """float32 `(n, d)`, rows of length 1."""
    level: Level
    """Of the prototypes."""

    def scores(self, query: Float32Array) -> Float64Array:
        """Normalised scores `(n,)` of a unit vector float32 `(d,)`: the higher, the likelier the same species."""
        return self.scores_of(query[None])[0]

    def scores_of(self, queries: Float32Array) -> Float64Array:
        """The same for many, float32 `(k, d)` -> `(k, n)`; equal to one by one up to rounding."""
        if not len(self.prototypes):
            return np.zeros((len(queries), 0))
        similarity = (queries @ self.prototypes.T).astype(np.float64)
        return normalised(similarity, self.cohort.level(queries), self.level)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a normalised score means: probability = 1 / (1 + exp(-(slope * score + offset)))."""

    slope: float
    """Above 0."""
    offset: float
    known: float
    """Probability from which on a tag names a species, 0..1."""

    @classmethod
    def of(cls, manifest: Manifest, known: float | None = None) -> Calibration:
        """The bundle's own; `known` instead of the bundle's threshold. Raises BundleError when it has no cohort."""
        if manifest.cohort is None:
            why = "has no cohort, and so no calibration"
            raise BundleError(f"model {manifest.id}", why, "Set birds.encoder to another, such as bird-encoder")
        own = manifest.thresholds["known"].value
        return cls(manifest.cohort.slope, manifest.cohort.offset, own if known is None else known)

    def probability(self, scores: Float64Array) -> Float64Array:
        """Of the same species, 0..1, in the shape of the scores; rises with the score."""
        # tanh does not overflow where exp does.
        return 0.5 + 0.5 * np.tanh(0.5 * (self.slope * scores + self.offset))
