"""Few-shot episodes: some species, a few clips to learn each from, and others to ask about.

Everything is drawn from the seed and the number of the episode, so any one can be drawn again without those before it.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from monitor.errors import UsageError
from training.data.species_parts import recordist_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from training.data.catalog import Recording

CLIP_DRAWS = 50
"""Draws of clips for one choice of species before other species are chosen."""
SPECIES_DRAWS = 50


class Apart(StrEnum):
    """What support and query of an episode never share."""

    RECORDING = "recording"
    RECORDIST = "recordist"
    """Nor a recording. Clips without a known recordist take no part."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How episodes are drawn."""

    ways: int = 5
    """Species of an episode, from 2."""
    shots: int = 1
    """Support clips of a species, from 1; each of another recording."""
    queries: int = 1
    """Query clips of a species, from 1; each of another recording."""
    apart: Apart = Apart.RECORDIST
    across_species: bool = True
    """False lets the query of one species share a recordist or recording with the support of another, which draws
    answers to the wrong species: harder, and no leak."""

    def __post_init__(self) -> None:
        """Raise UsageError when a number is too small."""
        if self.ways < 2 or self.shots < 1 or self.queries < 1:
            why = f"{self.ways} ways, {self.shots} shots and {self.queries} queries make no episode"
            raise UsageError("few-shot protocol", why, "Use at least 2 ways, 1 shot and 1 query.")


@dataclass(frozen=True, slots=True)
class Episode:
    """One task. Rows are indices of the recordings that the sampler was given."""

    species: tuple[str, ...]
    support: tuple[tuple[int, ...], ...]
    """Rows to learn from, `shots` of each species, in the order of `species`."""
    query: tuple[tuple[int, ...], ...]
    """Rows to ask about, `queries` of each species."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """A species that cannot be in an episode, and what it has."""

    species: str
    recordings: int
    recordists: int
    """Known ones."""


_Block = list[list[int]]
"""Recordings of one species that must stay on one side; each is the rows of its clips."""


class EpisodeSampler:
    """Draws episodes from labelled recordings.

    The order of the recordings does not matter: the same seed gives the same clips. Raises UsageError when fewer
    species than `ways` have what the protocol asks for.
    """

    def __init__(self, recordings: Sequence[Recording], protocol: Protocol, seed: int) -> None:
        self.protocol = protocol
        self.seed = seed
        self.excluded: list[Excluded] = []
        """Species with too few recordings or recordists, by name."""
        self._keys = [_keys(recording, protocol.apart) for recording in recordings]
        self._blocks: dict[str, list[_Block]] = {}
        by_species: dict[str, list[int]] = {}
        for row in sorted(range(len(recordings)), key=lambda row: recordings[row].path):
            by_species.setdefault(recordings[row].label, []).append(row)
        for species in sorted(by_species):
            rows = by_species[species]
            usable = [r for r in rows if protocol.apart is Apart.RECORDING or recordist_of(recordings[r])]
            blocks = _blocks(recordings, usable, protocol.apart)
            if _divisible([len(block) for block in blocks], protocol):
                self._blocks[species] = blocks
            else:
                names = {recordist_of(recordings[row]) for row in rows} - {None}
                takes = _components(rows, [_keys(recordings[row], Apart.RECORDING) for row in rows])
                self.excluded.append(Excluded(species, len(takes), len(names)))
        if len(self._blocks) < protocol.ways:
            why = f"{len(self._blocks)} of {len(by_species)} species have clips of enough {protocol.apart}s"
            raise UsageError(f"{protocol.ways}-way {protocol.shots}-shot episodes", why, _FEWER)

    @property
    def species(self) -> list[str]:
        """Those that episodes draw from, by name."""
        return list(self._blocks)

    def blocks(self, species: str) -> list[list[list[int]]]:
        """Rows of a species by what must stay on one side (recordist or recording), in it by recording."""
        return [[list(take) for take in block] for block in self._blocks[species]]

    def keys(self, row: int) -> frozenset[str]:
        """Names such that a clip to learn from and one to ask about share none."""
        return self._keys[row]

    def draw(self, number: int) -> Episode:
        """Episode `number`, from 0. Raises UsageError when no draw keeps support and query apart."""
        chance = random.Random(f"{self.seed}:{number}")
        for _ in range(SPECIES_DRAWS):
            species = chance.sample(self.species, self.protocol.ways)
            # Clips are redrawn first: species of prolific recordists would else be chosen less often.
            for _ in range(CLIP_DRAWS):
                sides = self._sides(species, chance)
                if sides is not None:
                    return Episode(tuple(species), *sides)
        why = f"no {SPECIES_DRAWS * CLIP_DRAWS} draws kept support and query apart in their {self.protocol.apart}s"
        raise UsageError(f"{self.protocol.ways}-way {self.protocol.shots}-shot episodes", why, _FEWER)

    def episodes(self, count: int, first: int = 0) -> Iterator[Episode]:
        """`count` episodes from number `first` on."""
        for number in range(first, first + count):
            yield self.draw(number)

    def _sides(self, species: Iterable[str], chance: random.Random) -> tuple[_Rows, _Rows] | None:
        """Support and query rows of each species; None when they could not be kept apart."""
        support: list[tuple[int, ...]] = []
        query: list[tuple[int, ...]] = []
        support_keys: set[str] = set()
        query_keys: set[str] = set()
        for one in species:
            for _ in range(CLIP_DRAWS):
                divided = self._divide(self._blocks[one], chance)
                if divided is None:
                    continue
                learnt, asked = divided
                learnt_keys = self._keys_of(learnt)
                asked_keys = self._keys_of(asked)
                clash = (support_keys & asked_keys) or (query_keys & learnt_keys)
                if not (self.protocol.across_species and clash):
                    break
            else:
                return None
            support.append(learnt)
            query.append(asked)
            support_keys |= learnt_keys
            query_keys |= asked_keys
        return tuple(support), tuple(query)

    def _divide(self, blocks: list[_Block], chance: random.Random) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Whole blocks to either side, then recordings, then a clip of each; None when too little is left to learn."""
        shuffled = chance.sample(blocks, len(blocks))
        asked: _Block = []
        while shuffled and len(asked) < self.protocol.queries:
            asked += shuffled.pop()
        learnt = [take for block in shuffled for take in block]
        if len(asked) < self.protocol.queries or len(learnt) < self.protocol.shots:
            return None
        return _clips(learnt, self.protocol.shots, chance), _clips(asked, self.protocol.queries, chance)

    def _keys_of(self, rows: Iterable[int]) -> set[str]:
        return {key for row in rows for key in self._keys[row]}


_Rows = tuple[tuple[int, ...], ...]
_FEWER = "Ask for fewer ways, shots or queries, give more recordings, or keep only recordings apart."


def exclusions(excluded: Sequence[Excluded]) -> str:
    """In words: how many species are left out, by how many recordists they have."""
    counts = Counter(one.recordists for one in excluded)
    told = ", ".join(f"{count} with {recordists} known recordists" for recordists, count in sorted(counts.items()))
    return f"{len(excluded)} species left out: {told}" if excluded else "no species left out"


def _clips(takes: _Block, count: int, chance: random.Random) -> tuple[int, ...]:
    return tuple(chance.choice(take) for take in chance.sample(takes, count))


def _keys(recording: Recording, apart: Apart) -> frozenset[str]:
    """Names such that two clips which share one share a recording, or in the headline a recordist.

    A Xeno-canto number names a recording and settles it. Without one, any group in common counts as the same
    recording; beside files, that holds clips of one site together.
    """
    number = [group for group in recording.groups if group.startswith("xeno-canto:")]
    recordist = recordist_of(recording)
    keys = number or [group for group in recording.groups if group != recordist] or [f"path:{recording.path}"]
    if apart is Apart.RECORDIST and recordist:
        # Some collections number the recordings of a species like cuts of one; other people's are not the same.
        keys = [recordist, *number] if number else [recordist, *(f"{recordist}:{key}" for key in keys)]
    return frozenset(keys)


def _components(rows: Sequence[int], keys: Sequence[frozenset[str]]) -> list[list[int]]:
    """Rows in groups: those that share a key, directly or through others."""
    groups: list[tuple[set[str], list[int]]] = []
    for row, own in zip(rows, keys, strict=True):
        touching = [group for group in groups if group[0] & own]
        groups = [group for group in groups if not group[0] & own]
        names = own.union(*(group[0] for group in touching))
        members = [*itertools.chain.from_iterable(group[1] for group in touching), row]
        groups.append((set(names), members))
    return [members for _, members in groups]


def components(recordings: Sequence[Recording]) -> list[int]:
    """A number for each clip; those cut from one recording have the same."""
    numbers = [0] * len(recordings)
    keys = [_keys(recording, Apart.RECORDING) for recording in recordings]
    for number, rows in enumerate(_components(range(len(recordings)), keys)):
        for row in rows:
            numbers[row] = number
    return numbers


def _blocks(recordings: Sequence[Recording], rows: Sequence[int], apart: Apart) -> list[_Block]:
    return [
        _components(members, [_keys(recordings[row], Apart.RECORDING) for row in members])
        for members in _components(rows, [_keys(recordings[row], apart) for row in rows])
    ]


def _divisible(sizes: Sequence[int], protocol: Protocol) -> bool:
    """Whether some of the blocks hold enough recordings to ask about, and the others enough to learn from."""
    sums = {0}
    for size in sizes:
        sums |= {size + other for other in sums}
    return any(total >= protocol.queries and sum(sizes) - total >= protocol.shots for total in sums)
