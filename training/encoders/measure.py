"""Recall and false tags of an encoder by the number of clips that a species is learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.data.episodes import Apart, EpisodeSampler, Protocol
from training.fewshot.enrolled_sets import draw_sets
from training.fewshot.false_tags import count_false_tags
from training.fewshot.openset import REPLICATES, SETS, answer
from training.fewshot.openset import measure as measure_open_set

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from training.data.catalog import Recording
    from training.encoders.candidates import Candidate
    from training.encoders.heard import HeardByEncoder
    from training.fewshot.figures import FalseTagFigure, OpenSetFigure

SHOTS = (1, 3, 10)
"""Clips of a species."""

ENROLLED = (1, 5, 20)
"""Species that are taught together."""


@dataclass(frozen=True, slots=True)
class Shots:
    """What so many taught species and clips of each give."""

    drawn_from: int
    """Species with clips enough, and another recordist's beside."""
    asked: OpenSetFigure
    """Clips of taught species and of others."""
    false_tags: tuple[FalseTagFigure, ...]
    """In bird-free sound: behind the gate, and with it held open."""


@dataclass(frozen=True, slots=True)
class EncoderFigures:
    """Of one encoder."""

    name: str
    version: str
    known: float
    """Probability from which on a tag names a species."""
    each: tuple[Shots, ...]
    """With every species that has clips enough for its row."""
    same: tuple[Shots, ...]
    """With the species that have clips enough for the most clips, in every row."""


def measure(
    candidate: Candidate, heard: HeardByEncoder, progress: Callable[[str], None], replicates: int = REPLICATES
) -> EncoderFigures:
    """Every row that the clips allow; `replicates` make its intervals."""
    rich = able(heard.recordings, max(SHOTS))
    each: list[Shots] = []
    same: list[Shots] = []
    for enrolled in ENROLLED:
        for shots in SHOTS:
            species = able(heard.recordings, shots)
            if len(species) >= enrolled:
                each.append(_shots(candidate, heard, enrolled, shots, species, replicates))
            if len(rich) >= enrolled and enrolled < max(ENROLLED):
                same.append(_shots(candidate, heard, enrolled, shots, rich, replicates))
            progress(f"{candidate.name}: {enrolled} species from {shots} clips")
    manifest = candidate.bundle.manifest
    return EncoderFigures(manifest.name, manifest.version, candidate.calibration.known, tuple(each), tuple(same))


def able(recordings: Sequence[Recording], shots: int) -> list[str]:
    """Species that can be learnt from so many recordings and leave another recordist's clip to ask about."""
    return EpisodeSampler(recordings, Protocol(2, shots, apart=Apart.RECORDIST), 0).species


def _shots(
    candidate: Candidate, heard: HeardByEncoder, enrolled: int, shots: int, species: Sequence[str], replicates: int
) -> Shots:
    sets = draw_sets(heard.recordings, enrolled, shots, SETS[enrolled], among=species)
    answers = answer(heard.embeddings, sets, candidate.cohort)
    asked = measure_open_set(answers, sets, heard.recordings, candidate.calibration, candidate.name, replicates)
    false_tags = tuple(
        count_false_tags(stream, sets, heard.embeddings, candidate.cohort, candidate.calibration)
        for stream in heard.background
    )
    return Shots(len(species), asked, false_tags)
