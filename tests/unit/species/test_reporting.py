"""Which labels are told of, and where species occur."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.errors import BundleError, UsageError
from monitor.inference.bundle import load_bundle
from monitor.species.labels import parse_label
from monitor.species.occurrence import Occurrence, Place, has_occurrence
from monitor.species.reporting import Wanted, reported_labels, unknown_names
from tests.helpers.tiny_bundle import edit_manifest
from tests.helpers.tiny_species import BLACKBIRD, ENGINE, FROG, TIT, TONES, VOICE, make_tone_bundle

if TYPE_CHECKING:
    from pathlib import Path

LABELS = [parse_label(text, "bird") for text in TONES]


def told(wanted: Wanted, occurrence: dict[str, float] | None = None) -> set[str]:
    values = None if occurrence is None else np.array([occurrence.get(text, 0.0) for text in TONES], np.float32)
    return {text for text, shown in zip(TONES, reported_labels(LABELS, wanted, values), strict=True) if shown}


def test_without_a_place_everything() -> None:
    assert told(Wanted()) == set(TONES)


def test_at_a_place_what_occurs_there_and_what_is_no_species() -> None:
    assert told(Wanted(), {BLACKBIRD: 0.03, TIT: 0.0299, FROG: 0.5}) == {BLACKBIRD, FROG, ENGINE, VOICE}
    assert told(Wanted(expected=0.02), {TIT: 0.0299}) == {TIT, ENGINE, VOICE}


def test_only_what_is_allowed_wherever_it_occurs() -> None:
    wanted = Wanted(allow=("parus MAJOR", "Engine", BLACKBIRD))
    assert told(wanted, {FROG: 1.0}) == {BLACKBIRD, TIT, ENGINE}


def test_never_what_is_denied() -> None:
    assert told(Wanted(deny=("great tit", "Human vocal"))) == {BLACKBIRD, FROG, ENGINE}
    assert told(Wanted(allow=("Great Tit", "Engine"), deny=("Great Tit",))) == {ENGINE}


def test_misspelt_names_are_found() -> None:
    assert unknown_names(["Great Tit", "engine"], LABELS) == []
    assert unknown_names(["Common Blackbrid", "zebra"], LABELS) == [
        "Common Blackbrid (did you mean Common Blackbird?)",
        "zebra",
    ]


def test_where_species_occur(tmp_path: Path) -> None:
    bundle = load_bundle(make_tone_bundle(tmp_path, occurrence=True))
    assert has_occurrence(bundle)
    north = Occurrence(bundle).probabilities(Place(60.0, 10.0, 20))
    south = Occurrence(bundle).probabilities(Place(-35.0, 150.0))
    assert north[0] > 0.99 > 0.01 > north[1]
    assert south[1] > 0.99 > 0.01 > south[0]


def test_a_model_of_occurrence_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    bundle = load_bundle(make_tone_bundle(tmp_path / "a"))
    assert not has_occurrence(bundle)
    with pytest.raises(BundleError):
        Occurrence(bundle)
    folder = make_tone_bundle(tmp_path / "b", occurrence=True)
    digest = load_bundle(folder).manifest.model.sha256
    edit_manifest(folder, lambda content: content["files"]["occurrence"].update(file="model.onnx", sha256=digest))
    with pytest.raises(BundleError, match="one value for each label"):
        Occurrence(load_bundle(folder))


@pytest.mark.parametrize(
    ("latitude", "longitude", "week", "why"),
    [
        (200.0, 0.0, None, "latitude 200: there is none beyond 90"),
        (-90.1, 0.0, None, "latitude -90.1"),
        (float("nan"), 0.0, None, "latitude nan"),
        (0.0, 180.5, None, "longitude 180.5"),
        (0.0, 0.0, 0, "week 0: a year has 48 weeks"),
        (0.0, 0.0, 49, "week 49"),
    ],
)
def test_nowhere_and_never_are_refused(latitude: float, longitude: float, week: int | None, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Place(latitude, longitude, week)
