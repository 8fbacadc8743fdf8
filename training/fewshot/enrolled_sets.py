"""Sets of enrolled species drawn from clips, and who may be asked about each."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import UsageError
from training.data.episodes import Apart, EpisodeSampler, Protocol
from training.data.species_parts import recordist_of
from training.fewshot.embeddings import unit_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from training.data.catalog import Recording

UNKNOWN = -1


@dataclass(frozen=True, slots=True, eq=False)
class EnrolledSets:
    """Many draws of as many species, each learnt from as many clips."""

    enrolled: int
    """Species of a set."""
    shots: int
    """Clips of a species, each of another recording."""
    support: NDArray[np.intp]
    """Rows `(sets, enrolled, shots)`."""
    truth: NDArray[np.intp]
    """`(sets, clips)`: which of the set's species a clip is of, `UNKNOWN` for none."""
    asked: NDArray[np.bool_]
    """`(sets, clips)`: whether it may be asked about: of a recordist that none of the set's clips has."""

    def prototypes(self, embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Clips `(n, d)` -> float32 `(sets * enrolled, d)`, rows of length 1, as enrollment averages them."""
        rows = unit_rows(embeddings)[self.support].mean(axis=2)
        return unit_rows(rows.reshape(-1, rows.shape[-1])).astype(np.float32)


def draw_sets(
    recordings: Sequence[Recording],
    enrolled: int,
    shots: int,
    sets: int,
    seed: int = 0,
    among: Collection[str] | None = None,
) -> EnrolledSets:
    """Species that leave somebody to ask about, drawn alike; `among`: from these only, None: from all.

    Raises UsageError when fewer than `enrolled` species have clips enough of another recordist.
    """
    sampler = EpisodeSampler(recordings, Protocol(ways=2, shots=shots, apart=Apart.RECORDIST), seed)
    able = [species for species in sampler.species if among is None or species in among]
    if len(able) < enrolled:
        why = f"{len(able)} species have {shots} clips and another recordist's beside"
        raise UsageError(f"{enrolled} enrolled species", why, "Enroll fewer, or give more recordings.")
    apart = _apart(sampler, recordings)
    labels = np.array([recording.label for recording in recordings])
    known = np.array([recordist_of(recording) is not None for recording in recordings])
    support = np.zeros((sets, enrolled, shots), dtype=np.intp)
    truth = np.full((sets, len(recordings)), UNKNOWN)
    asked = np.zeros((sets, len(recordings)), dtype=np.bool_)
    for number in range(sets):
        chance = random.Random(f"{seed}:{enrolled}:{shots}:{number}")
        for place, species in enumerate(chance.sample(able, enrolled)):
            support[number, place] = _learnt(sampler.blocks(species), shots, chance)
            truth[number, labels == species] = place
        asked[number] = known & apart[support[number].ravel()].all(axis=0)
    return EnrolledSets(enrolled, shots, support, truth, asked)


def _learnt(blocks: list[list[list[int]]], shots: int, chance: random.Random) -> list[int]:
    """Clips of `shots` recordings; at least one recordist is left to ask about."""
    while True:
        kept = chance.sample(blocks, len(blocks))[1:]
        takes = [take for block in kept for take in block]
        if len(takes) >= shots:
            return [chance.choice(take) for take in chance.sample(takes, shots)]


def _apart(sampler: EpisodeSampler, recordings: Sequence[Recording]) -> NDArray[np.bool_]:
    """Whether two clips `(n, n)` share neither recordist nor recording."""
    keys = [sampler.keys(row) for row in range(len(recordings))]
    columns = {name: i for i, name in enumerate(sorted({name for own in keys for name in own}))}
    has = np.zeros((len(keys), len(columns)), dtype=np.float32)
    for row, own in enumerate(keys):
        has[row, [columns[name] for name in own]] = 1.0
    return has @ has.T == 0.0
