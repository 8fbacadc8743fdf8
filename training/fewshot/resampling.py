"""Single questions drawn from species and recordists weighted anew: what the intervals of few-shot figures come from.

A bootstrap that draws 60 species with replacement leaves a third of them out and, of a species with three recordists,
often all but one, so that no question can be asked of it. Here the weights of a draw are exponential instead of counts
(the Bayesian bootstrap): nothing is left out, no species stands against itself, and the spread is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.data.episodes import EpisodeSampler


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """How often species and recordists of one replicate are drawn, relative to the others of their kind."""

    species: NDArray[np.float64]
    """`(species,)`, above 0."""
    block: NDArray[np.float64]
    """`(species, blocks)`, above 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """Queries, each with what there is to choose from. The right species is the first."""

    query: NDArray[np.int32]
    """Rows `(n, 1)`."""
    support: NDArray[np.int32]
    """Rows `(n, ways, shots)`."""


class QuestionSampler:
    """Draws questions by the protocol of an `EpisodeSampler`: a query shares no key with any support clip."""

    def __init__(self, sampler: EpisodeSampler, clips: int) -> None:
        self.protocol = sampler.protocol
        blocks = [sampler.blocks(species) for species in sampler.species]
        takes = [[take for block in species for take in block] for species in blocks]
        most = max(len(species) for species in takes)
        shape = (len(takes), most)
        self._block = np.full(shape, -1)
        """Of each recording; -1 where the species has no more."""
        self._sizes = np.ones(shape, dtype=np.intp)
        """Clips of each recording."""
        self._rows = np.zeros((*shape, max(len(take) for species in takes for take in species)), dtype=np.intp)
        for s, species in enumerate(blocks):
            numbered = [(b, take) for b, block in enumerate(species) for take in block]
            for t, (b, take) in enumerate(numbered):
                self._block[s, t], self._sizes[s, t] = b, len(take)
                self._rows[s, t, : len(take)] = take
        self._free = self._apart(sampler, clips)
        """Whether a query row `(clips,)` may be asked against a recording `(species, recordings)`."""

    @cached_property
    def _enough(self) -> NDArray[np.bool_]:
        """Whether a query row may be asked against a species at all `(clips, species)`."""
        return self._free.sum(axis=2) >= self.protocol.shots

    def _apart(self, sampler: EpisodeSampler, clips: int) -> NDArray[np.bool_]:
        present = self._block >= 0
        names = {key for row in range(clips) for key in sampler.keys(row)}
        columns = {name: i for i, name in enumerate(sorted(names))}
        has = np.zeros((clips, len(columns)), dtype=np.float32)
        for row in range(clips):
            has[row, [columns[key] for key in sampler.keys(row)]] = 1.0
        share = (has @ has.T) > 0.0
        free = ~share[:, self._rows[:, :, 0]]
        if not self.protocol.across_species:
            free[:] = True
        free &= present
        # Beside keys, a recordist's recordings stay together as a block.
        for s in range(len(self._block)):
            for t in np.flatnonzero(present[s]):
                own = self._rows[s, t, : self._sizes[s, t]]
                free[np.ix_(own, [s], np.flatnonzero(self._block[s] == self._block[s, t]))] = False
        return free

    def equal(self) -> Weights:
        """Every species and recordist as often as any other."""
        return Weights(np.ones(len(self._block)), np.ones((len(self._block), int(self._block.max()) + 1)))

    def weights(self, generator: np.random.Generator) -> Weights:
        """One replicate's."""
        plain = self.equal()
        return Weights(*(generator.standard_exponential(one.shape) + 1e-9 for one in (plain.species, plain.block)))

    def draw(self, count: int, weights: Weights, generator: np.random.Generator) -> Questions:
        """`count` questions."""
        ways, shots = self.protocol.ways, self.protocol.shots
        by_take = np.where(self._block >= 0, np.take_along_axis(weights.block, np.maximum(self._block, 0), axis=1), 0.0)
        asked, query = self._queries(count, weights, generator)
        # An exponential race: the smallest of Exp(1) / weight wins in proportion to the weight.
        with np.errstate(divide="ignore"):
            race = generator.standard_exponential((count, len(self._block))) / weights.species
            race[~self._enough[query]] = np.inf
            race[np.arange(count), asked] = np.inf
            others = np.argpartition(race, ways - 2, axis=1)[:, : ways - 1]
            usable = np.isfinite(np.take_along_axis(race, others, axis=1)).all(axis=1)
            asked, query, others = asked[usable], query[usable], others[usable]
            species = np.concatenate([asked[:, None], others], axis=1)
            race = generator.standard_exponential((*species.shape, self._block.shape[1])) / by_take[species]
        race[~self._free[query[:, None], species]] = np.inf
        takes = np.argpartition(race, shots - 1, axis=2)[:, :, :shots]
        chosen = species[:, :, None], takes
        clip = (generator.random(takes.shape) * self._sizes[chosen]).astype(np.intp)
        # Hundreds of thousands are kept: half the width does.
        return Questions(query[:, None].astype(np.int32), self._rows[(*chosen, clip)].astype(np.int32))

    def _queries(
        self, count: int, weights: Weights, generator: np.random.Generator
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Species and row of each query: a block by its weight, then a recording of it, then a clip."""
        possible = np.zeros(weights.block.shape, dtype=np.bool_)
        size = np.zeros(weights.block.shape)
        for s, t in zip(*np.nonzero(self._block >= 0), strict=True):
            block = self._block[s, t]
            size[s, block] += 1
            possible[s, block] |= self._enough[self._rows[s, t, 0], s]
        species = generator.choice(len(self._block), count, p=weights.species / weights.species.sum())
        block_weight = np.where(possible, weights.block, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_take = np.take_along_axis(block_weight / size, np.maximum(self._block, 0), axis=1)
            by_take[self._block < 0] = 0.0
            race = generator.standard_exponential((count, self._block.shape[1])) / by_take[species]
        take = race.argmin(axis=1)
        clip = (generator.random(count) * self._sizes[species, take]).astype(np.intp)
        return species, self._rows[species, take, clip]
