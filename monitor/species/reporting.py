"""Which of a classifier's labels are told of: what is expected at the place, what is allowed, what is denied."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.species_readings import SoundKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from monitor.core.types import Float32Array
    from monitor.species.labels import SpeciesLabel

EXPECTED = 0.03
"""Probability of occurrence from which on a species is expected: BirdNET's own."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user wants to be told of. Names are labels, scientific or common names, in any case."""

    allow: tuple[str, ...] = ()
    """Only these, wherever they are expected; empty: everything expected."""
    deny: tuple[str, ...] = ()
    """Never these."""
    expected: float = EXPECTED
    """Probability of occurrence from which on a species is expected, 0..1."""


def reported_labels(
    labels: Sequence[SpeciesLabel], wanted: Wanted, occurrence: Float32Array | None
) -> NDArray[np.bool_]:
    """Whether each label is told of, `(labels,)`.

    `occurrence`: probability of each at the place, float32 `(labels,)`; None where the place is not known. Sounds that
    are no species occur everywhere.
    """
    if wanted.allow:
        told = _named(labels, wanted.allow)
    elif occurrence is None:
        told = np.ones(len(labels), dtype=bool)
    else:
        told = occurrence >= wanted.expected
        told |= np.array([not is_species(label) for label in labels], dtype=bool)
    return told & ~_named(labels, wanted.deny)


def is_species(label: SpeciesLabel) -> bool:
    """Whether a label names a species of bird or other animal."""
    return bool(label.scientific) and label.kind in (SoundKind.BIRD, SoundKind.ANIMAL)


def unknown_names(names: Iterable[str], labels: Sequence[SpeciesLabel]) -> list[str]:
    """Those that no label has, each with the names most like it: `Blackbrid (did you mean Blackbird?)`."""
    known = {part.casefold(): part for label in labels for part in (label.text, label.scientific, label.common) if part}
    sentences: list[str] = []
    for name in names:
        if name.casefold() in known:
            continue
        near = [known[part] for part in get_close_matches(name.casefold(), known, n=2, cutoff=0.75)]
        sentences.append(f"{name} (did you mean {' or '.join(near)}?)" if near else name)
    return sentences


def _named(labels: Sequence[SpeciesLabel], names: Iterable[str]) -> NDArray[np.bool_]:
    wanted = {name.casefold() for name in names}
    return np.array(
        [any(part.casefold() in wanted for part in (label.text, label.scientific, label.common)) for label in labels],
        dtype=bool,
    )
