"""The cohort that ships with the encoder: clips of validation species, and bird-free sound that the gate likes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.birds.cohort import Cohort
from training.fewshot.embeddings import unit_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.fewshot.clips import ClipSet

LIMIT = 600
"""Rows of the shipped cohort, so that the file stays small."""
NEAREST = 20
"""Rows that a vector is measured against."""


@dataclass(frozen=True, slots=True, eq=False)
class CohortRows:
    """What `cohort.npz` holds."""

    embedding: NDArray[np.float16]
    """`(m, d)`, rows of length 1."""
    taxon: tuple[str, ...]
    """Species of each row, empty for background."""

    def cohort(self, nearest: int = NEAREST) -> Cohort:
        """As the monitor reads it, at the precision of the file."""
        return Cohort(unit_rows(self.embedding).astype(np.float32), self.taxon, nearest)

    def without(self, taxa: Sequence[str]) -> CohortRows:
        """The rows of other species, and the background."""
        kept = [i for i, taxon in enumerate(self.taxon) if taxon not in set(taxa)]
        return CohortRows(self.embedding[kept], tuple(self.taxon[i] for i in kept))


def make_cohort(
    clips: ClipSet,
    embeddings: NDArray[np.floating],
    background: ClipSet,
    background_embeddings: NDArray[np.floating],
    limit: int = LIMIT,
) -> CohortRows:
    """One row for each clip of species that neither train nor test, then background until there are `limit` rows.

    Background comes in the order in which the gate would pass it. Embeddings are `(clips, d)` by `Choice.BEST`.
    """
    order = np.argsort([-clip.gate.max(initial=0.0) for clip in background.clips], kind="stable")
    chosen = order[: max(0, limit - len(embeddings))]
    rows = unit_rows(np.concatenate([embeddings, background_embeddings[chosen]]))
    taxon = [clip.recording.label for clip in clips.clips] + [""] * len(chosen)
    return CohortRows(rows.astype(np.float16), tuple(taxon))
