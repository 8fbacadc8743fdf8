"""The prototypes that one encoder can be compared with, as one matrix."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.types import read_only
from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.birds.prototype import Prototype
    from monitor.core.types import Embedding, Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class PrototypeSet:
    """Species that are ready for an encoder, and those that are not."""

    model_id: str
    """The encoder."""
    prototypes: tuple[Prototype, ...]
    """Its own, n of them, by name."""
    vectors: Float32Array
    """float32 `(n, d)`, row i of length 1 is that of prototype i, read-only; `(0, 0)` without prototypes."""
    to_re_embed: tuple[str, ...]
    """Names of species that another encoder made; their kept audio gives them to this one."""

    def matrix(self) -> tuple[tuple[str, ...], Float32Array]:
        """Names, and float32 `(n, d)`, in the same order."""
        return tuple(prototype.name for prototype in self.prototypes), self.vectors

    def similarities(self, embedding: Embedding) -> Float32Array:
        """Cosine of an embedding and each prototype, float32 `(n,)`, -1..1 up to rounding.

        Raises UsageError when another encoder made the embedding, or its dimension differs.
        """
        if embedding.model_id != self.model_id:
            why = f"the embedding is of {embedding.model_id}, the prototypes are of {self.model_id}"
            raise UsageError("prototypes", why, "Embed the enrolled audio again with the encoder in use")
        if not self.prototypes:
            return np.zeros(0, dtype=np.float32)
        if len(embedding.vector) != self.vectors.shape[1]:
            why = f"the embedding has {len(embedding.vector)} dimensions, the prototypes {self.vectors.shape[1]}"
            raise UsageError("prototypes", why, "Embed the enrolled audio again with the encoder in use")
        return self.vectors @ embedding.vector


def prototype_set(model_id: str, prototypes: Sequence[Prototype]) -> PrototypeSet:
    """What of `prototypes` fits an encoder.

    Of one encoder all have one dimension; files brought in by hand may break that, and then the dimension that most
    have counts.
    """
    widths = Counter(prototype.dimension for prototype in prototypes if prototype.model_id == model_id)
    width = widths.most_common(1)[0][0] if widths else 0
    own = tuple(one for one in prototypes if one.model_id == model_id and one.dimension == width)
    others = tuple(one.name for one in prototypes if one.model_id != model_id or one.dimension != width)
    rows = np.stack([one.vector for one in own]) if own else np.zeros((0, 0), dtype=np.float32)
    return PrototypeSet(model_id, own, read_only(rows, dimensions=2), others)
