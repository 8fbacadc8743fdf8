"""What labels are called, and what is no bird."""

from __future__ import annotations

import pytest

from monitor.core.species_readings import SoundKind
from monitor.species.labels import SpeciesLabel, parse_label


@pytest.mark.parametrize(
    ("text", "scientific", "common", "kind"),
    [
        ("Turdus merula_Eurasian Blackbird", "Turdus merula", "Eurasian Blackbird", SoundKind.BIRD),
        ("Junco hyemalis oreganus_Oregon Junco", "Junco hyemalis oreganus", "Oregon Junco", SoundKind.BIRD),
        ("Turdus merula", "Turdus merula", "Turdus merula", SoundKind.BIRD),
        ("Pseudacris crucifer_Spring Peeper", "Pseudacris crucifer", "Spring Peeper", SoundKind.ANIMAL),
        ("Gryllus assimilis_Gryllus assimilis", "Gryllus assimilis", "Gryllus assimilis", SoundKind.ANIMAL),
        ("Canis latrans_Coyote", "Canis latrans", "Coyote", SoundKind.ANIMAL),
        ("Apis mellifera_Honey Bee", "Apis mellifera", "Honey Bee", SoundKind.ANIMAL),
        ("Canis lupus familiaris_Dog", "Canis lupus familiaris", "Dog", SoundKind.ANIMAL),
        ("Felis catus_Cat", "Felis catus", "Cat", SoundKind.ANIMAL),
        ("Dog_Dog", "", "Dog", SoundKind.ANIMAL),
        ("Human vocal_Human vocal", "", "Human vocal", SoundKind.VOICE),
        ("Speech", "", "Speech", SoundKind.VOICE),
        ("Human non-vocal_Human non-vocal", "", "Human non-vocal", SoundKind.SOUND),
        ("Human whistle_Human whistle", "", "Human whistle", SoundKind.SOUND),
        ("Power tools_Power tools", "", "Power tools", SoundKind.SOUND),
        ("Engine_Engine", "", "Engine", SoundKind.SOUND),
        ("Gun_Gun", "", "Gun", SoundKind.SOUND),
        ("Environmental_Environmental", "", "Environmental", SoundKind.SOUND),
        ("dog_bark", "", "dog_bark", SoundKind.SOUND),
        ("great tit", "", "great tit", SoundKind.SOUND),
        ("Vacuum cleaner", "Vacuum cleaner", "Vacuum cleaner", SoundKind.BIRD),
    ],
)
def test_labels_of_a_list_of_birds(text: str, scientific: str, common: str, kind: SoundKind) -> None:
    assert parse_label(text, "bird") == SpeciesLabel(text, scientific, common, kind)


def test_without_the_model_s_word_nothing_is_a_bird() -> None:
    assert parse_label("Turdus merula_Eurasian Blackbird", "animal").kind is SoundKind.ANIMAL
    assert parse_label("Vacuum cleaner", "animal").kind is SoundKind.ANIMAL
    assert parse_label("Engine", "animal").kind is SoundKind.SOUND
