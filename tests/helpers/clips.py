"""Recordings that exist on paper only: species, people and takes, as the catalog gives them."""

from __future__ import annotations

import random

from training.data.catalog import Kind, Recording


def made_recordings(species: int, people: int) -> list[Recording]:
    """One clip of each species by each of `people` persons of its own."""
    return [
        Recording(
            f"birds/{s:02d}-{p}.opus",
            Kind.SPECIES,
            f"species {s:02d}",
            "CC0",
            (f"recordist:{s}-{p}", f"xeno-canto:XC{100 * s + p}"),
        )
        for s in range(species)
        for p in range(people)
    ]


class Made:
    """Recordings drawn at random: some people record several species, some takes are cut in several clips."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def recordings(self, species: int, clips: int, people: int) -> list[Recording]:
        """`clips` of each species; some by nobody known."""
        made: list[Recording] = []
        for s in range(species):
            for c in range(clips):
                person = self._chance.randrange(people + 1)
                groups = [f"recordist:{person}"] if person < people else []
                groups.append(f"xeno-canto:XC{1000 * s + 100 * person + self._chance.randrange(3)}")
                made.append(Recording(f"birds/{s}-{c}.opus", Kind.SPECIES, f"species {s}", "CC0", tuple(groups)))
        return made
