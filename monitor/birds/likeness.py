"""How alike clips of different species, and clips of one species, are to an encoder: what its cohort tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from monitor.birds.cohort import Cohort
    from monitor.inference.cohort_file import CohortArrays

ROWS = 400
"""Rows of a cohort that are looked at: enough for quantiles, and done in milliseconds."""

LEAST_PAIRS = 20
"""Pairs of one species below which a cohort says nothing of them."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Normalised scores of pairs of clips."""

    different: float
    """Half of the pairs of different species are below it: clips of one species hardly ever are."""
    same: float | None
    """Nine tenths of the pairs of one species are below it; None where the cohort has too few."""


def likeness(cohort: Cohort, arrays: CohortArrays) -> Likeness | None:
    """Of the species of a cohort; None where it has fewer than two."""
    taxa = np.array(arrays.taxon, dtype=np.str_)
    species = np.flatnonzero(taxa != "")
    # Neighbours often are of one taxon: whole stretches are taken, so that pairs of one species stay together.
    step = max(1, -(-len(species) // ROWS))
    chosen = np.concatenate([species[:0], *np.array_split(species, max(1, len(species) // 8))[::step]])
    scores = cohort.standing(arrays.embedding[chosen]).scores_of(arrays.embedding[chosen])
    alike = taxa[chosen][:, None] == taxa[chosen]
    different = scores[~alike]
    same = scores[alike & np.triu(np.ones_like(alike), 1)]
    if not len(different):
        return None
    return Likeness(float(np.median(different)), float(np.quantile(same, 0.9)) if len(same) >= LEAST_PAIRS else None)
