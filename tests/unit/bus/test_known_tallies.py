"""Birds that a classifier knows are counted beside taught species, and a newcomer is told of them."""

from __future__ import annotations

from monitor.bus.live_state import LiveState
from monitor.bus.tallies import SpeciesTally, Tallies
from monitor.core.events import SourceCondition, SourceState, TagDetection
from monitor.core.species_readings import SoundKind, SpeciesDetection
from monitor.core.types import Span


def known(
    common: str, start: int, end: int, score: float = 0.9, kind: SoundKind = SoundKind.BIRD, *, continues: bool = False
) -> SpeciesDetection:
    span = Span(start, end)
    return SpeciesDetection(span, f"x_{common}", "x", common, kind, score, span, {}, 0.0, "birdnet@2.4.0", continues)


READINGS = (
    known("robin", 0, 10),
    TagDetection(Span(0, 12), "robin", 0.7, 0.5, None, False),
    known("robin", 10, 20, 0.6, continues=True),
    known("Engine", 20, 30, kind=SoundKind.SOUND),
    known("Spring Peeper", 20, 30, kind=SoundKind.ANIMAL),
    known("robin", 40, 50, 0.8),
)
COUNTED = (SpeciesTally("robin", 1, 0.7, 12), SpeciesTally("robin", 2, 0.8, 50, known=True))


def test_known_and_taught_of_one_name_are_two_and_other_sounds_none() -> None:
    tallies = Tallies()
    for reading in READINGS:
        tallies.fold(reading)
    assert tallies.oldest_first == COUNTED
    again = Tallies(tallies.oldest_first)
    again.fold(known("robin", 50, 60, 0.5, continues=True))
    assert again.oldest_first[-1] == SpeciesTally("robin", 2, 0.5, 60, known=True)


def test_a_newcomer_is_told() -> None:
    state = LiveState()
    state.note("garden", None, 1, SourceState(Span(0, 0), SourceCondition.LISTENING))
    for number, reading in enumerate(READINGS, 2):
        state.note("garden", None, number, reading)
    ((told,),) = (state.tallies,)
    assert told.species == COUNTED
