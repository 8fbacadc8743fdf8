"""What a call is called where a taught and a known species compete."""

from __future__ import annotations

import pytest

from monitor.core.events import TagDetection
from monitor.core.naming import CallName, call_name
from monitor.core.species_readings import SoundKind, SpeciesDetection
from monitor.core.types import Span

SPAN = Span(0, 96_000)


def tag(label: str | None, score: float = 0.8, *, provisional: bool = False) -> TagDetection:
    return TagDetection(SPAN, label, score, 0.1, None, provisional)


def heard(common: str, score: float, kind: SoundKind = SoundKind.BIRD) -> SpeciesDetection:
    scientific = "Parus major" if kind is SoundKind.BIRD else ""
    return SpeciesDetection(SPAN, f"x_{common}", scientific, common, kind, score, SPAN, {}, 0.0, "birdnet@2.4.0")


GREAT_TIT, BLACKBIRD = heard("Great Tit", 0.9), heard("Blackbird", 0.95)


def test_a_taught_species_wins_however_sure_the_classifier_is() -> None:
    assert call_name(tag("our robin", 0.6), [BLACKBIRD]) == CallName("our robin", 0.6, known=False, provisional=False)
    assert call_name(tag("our robin", provisional=True), []) == CallName("our robin", 0.8, False, True)


@pytest.mark.parametrize("given", [tag(None, 0.3), tag(None, 0.3, provisional=True), None])
def test_else_the_most_probable_bird_that_a_classifier_heard(given: TagDetection | None) -> None:
    assert call_name(given, [GREAT_TIT, BLACKBIRD]) == CallName("Blackbird", 0.95, known=True, provisional=False)


def test_what_is_no_bird_names_no_call() -> None:
    noises = [heard("Engine", 0.99, SoundKind.SOUND), heard("Human vocal", 0.9, SoundKind.VOICE)]
    assert call_name(None, [*noises, heard("Dog", 0.9, SoundKind.ANIMAL)]) is None
    assert call_name(tag(None, 0.3), noises) == CallName(None, 0.3, known=False, provisional=False)
    assert call_name(None, [*noises, GREAT_TIT]) == CallName("Great Tit", 0.9, known=True, provisional=False)


def test_without_anything_there_is_no_name() -> None:
    assert call_name(None, []) is None


def test_a_detection_is_called_by_its_common_name() -> None:
    assert GREAT_TIT.name == "Great Tit"
    only = SpeciesDetection(SPAN, "l", "Parus major", "", SoundKind.BIRD, 0.5, SPAN, {}, 0.0, "m@1.0.0")
    assert only.name == "Parus major"


def test_probabilities_are_checked_and_copied() -> None:
    given = {"a": 0.5}
    one = SpeciesDetection(SPAN, "a", "", "a", SoundKind.SOUND, 0.5, SPAN, given, 0.0, "m@1.0.0")
    given["a"] = 0.9
    assert one.probabilities == {"a": 0.5}
    with pytest.raises(ValueError, match=r"must be within 0\.\.1"):
        SpeciesDetection(SPAN, "a", "", "a", SoundKind.SOUND, 0.5, SPAN, {"a": 1.5}, 0.0, "m@1.0.0")
