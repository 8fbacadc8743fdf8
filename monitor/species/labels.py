"""Labels of classifiers: their names, and what they stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from monitor.core.species_readings import SoundKind

if TYPE_CHECKING:
    from collections.abc import Iterable

_BINOMIAL = re.compile(r"[A-Z][a-z-]+( [a-z-]+){1,2}")

VOICES = frozenset(
    {
        "human vocal",
        "human voice",
        "voice",
        "speech",
        "conversation",
        "narration, monologue",
        "male speech, man speaking",
        "female speech, woman speaking",
        "child speech, kid speaking",
        "singing",
        "shout",
        "whispering",
    }
)
"""Names, in lower case, that BirdNET, AudioSet and people give to a human voice."""

SOUNDS = frozenset(
    {
        "engine",
        "environmental",
        "fireworks",
        "gun",
        "human non-vocal",
        "human whistle",
        "noise",
        "power tools",
        "siren",
    }
)
"""BirdNET's other labels that are no animals; some look like scientific names."""

HUMANS = VOICES | {"human non-vocal", "human whistle"}
"""Of those, what a person makes heard."""

ANIMALS = frozenset({"dog", "cat", "sheep", "cow", "pig", "horse", "frog", "crow", "crickets", "insects"})
"""Animals that classifiers name without a scientific name."""

GENERAL_BIRDS = frozenset(
    {
        "bird",
        "bird vocalization, bird call, bird song",
        "bird flight, flapping wings",
        "chirp, tweet",
        "chirping birds",
        "squawk",
        "pigeon, dove",
        "coo",
        "crow",
        "caw",
        "owl",
        "hoot",
        "gull, seagull",
    }
)
"""Names, in lower case, that AudioSet and ESC-50 give to wild birds: what a gate made of such a classifier listens for.
"""

FROGS = """
    Acris Anaxyrus Bufo Dryophytes Eleutherodactylus Gastrophryne Hyla Hyliola Incilius Lithobates Pelophylax Pseudacris
    Rana Scaphiopus Spea
"""
INSECTS = """
    Allonemobius Amblycorypha Anaxipha Apis Atlanticus Conocephalus Cyrtoxipha Eunemobius Gryllus Microcentrum
    Miogryllus Neoconocephalus Neonemobius Oecanthus Orchelimum Orocharis Phyllopalpus Pterophylla Scudderia
"""
MAMMALS = """
    Alouatta Canis Hylobates Nomascus Odocoileus Pan Sciurus Symphalangus Tamias Tamiasciurus
"""
OTHER_GENERA = frozenset(f"{FROGS}{INSECTS}{MAMMALS}".split())
"""Genera in lists of birds, BirdNET's among them, that are none."""

Binomials = Literal["bird", "animal"]
"""What a scientific name of a genus that is not in `OTHER_GENERA` stands for."""


def is_human(text: str) -> bool:
    """Whether a label, as a model spells it, stands for a sound that a person makes."""
    return any(part.strip().casefold() in HUMANS for part in text.split("_"))


@dataclass(frozen=True, slots=True)
class SpeciesLabel:
    """A label, taken apart."""

    text: str
    """As the model spells it."""
    scientific: str
    """Empty where it has none."""
    common: str
    """The whole label where it has one name only."""
    kind: SoundKind


def parse_label(text: str, binomials: Binomials) -> SpeciesLabel:
    """`Scientific name_Common name`, or one name."""
    first, _, second = text.partition("_")
    is_binomial = _BINOMIAL.fullmatch(first) is not None
    # An underscore may stand for a blank: `dog_bark`.
    common = (second or first) if is_binomial or first == second else text
    known = _kind_of_word(common)
    if known is SoundKind.ANIMAL and is_binomial and second:
        return SpeciesLabel(text, first, common, known)
    if known is not None or not is_binomial:
        return SpeciesLabel(text, "", common, known or SoundKind.SOUND)
    kind = SoundKind.ANIMAL if first.split()[0] in OTHER_GENERA else SoundKind(binomials)
    return SpeciesLabel(text, first, common, kind)


def birds_of(labels: Iterable[SpeciesLabel]) -> list[str]:
    """Those, as the model spells them, that are birds, by a scientific name or by the name of any bird."""
    return [
        label.text
        for label in labels
        if label.kind is SoundKind.BIRD or label.common.casefold().replace("_", " ") in GENERAL_BIRDS
    ]


def _kind_of_word(name: str) -> SoundKind | None:
    word = name.casefold()
    if word in VOICES:
        return SoundKind.VOICE
    if word in SOUNDS:
        return SoundKind.SOUND
    return SoundKind.ANIMAL if word in ANIMALS else None
