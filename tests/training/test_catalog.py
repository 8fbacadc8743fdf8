"""On the real recordings, where they are."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from training.data.catalog import Kind, Recording, load_catalog
from training.data.pool import Content, content_of
from training.data.splits import Assignment, Part, assign

DATA = Path(os.environ.get("AURICLE_DATA") or Path(__file__).parents[2] / "../shared/data")
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no recordings at {DATA}; AURICLE_DATA names their folder")


@pytest.fixture(scope="module")
def catalogued() -> list[tuple[Recording, Assignment]]:
    recordings = load_catalog(DATA)
    return list(zip(recordings, assign(recordings, 0.15, 0), strict=True))


def test_counts(catalogued: list[tuple[Recording, Assignment]]) -> None:
    counts = Counter(recording.kind for recording, _ in catalogued)
    assert counts[Kind.FIELD] == 9
    assert counts[Kind.ESC50] == 1600
    assert counts[Kind.SPECIES] + counts[Kind.FROG] == 2201
    assert sum(len(recording.boxes) for recording, _ in catalogued) == 36


def test_no_recordist_speaker_or_source_is_on_two_sides(catalogued: list[tuple[Recording, Assignment]]) -> None:
    sides: dict[str, set[Part]] = {}
    for recording, assignment in catalogued:
        for group in recording.groups:
            sides.setdefault(group, set()).add(assignment.part)
    assert all(len(parts) == 1 for parts in sides.values())


def test_field_minutes_only_test_and_are_no_material(catalogued: list[tuple[Recording, Assignment]]) -> None:
    for recording, assignment in catalogued:
        assert (assignment.part is Part.TEST) == (recording.kind is Kind.FIELD)
        if recording.kind in (Kind.FIELD, Kind.SOUNDSCAPE, Kind.ANIMAL, Kind.OTHER):
            assert content_of(recording) is None


def test_what_may_hold_birds_or_test_clips_is_no_negative(catalogued: list[tuple[Recording, Assignment]]) -> None:
    labels = {recording.label for recording, _ in catalogued if content_of(recording) in set(Content)}
    assert not labels & {"nature_forest", "seaside", "unknown", "bearing"}


def test_a_fold_is_kept_from_its_model(catalogued: list[tuple[Recording, Assignment]]) -> None:
    sources: dict[str, set[int]] = {}
    for recording, assignment in catalogued:
        if recording.kind is Kind.ESC50:
            assert recording.fold in assignment.folds
            sources.setdefault(recording.groups[0], set()).update(assignment.folds)
    for recording, assignment in catalogued:
        if recording.kind is Kind.ESC50:
            assert assignment.folds >= sources[recording.groups[0]]


def test_each_kind_of_negative_validates(catalogued: list[tuple[Recording, Assignment]]) -> None:
    contents = {content_of(recording) for recording, a in catalogued if a.part is Part.VALIDATION}
    assert contents >= {
        Content.BIRD,
        Content.ESC50_BIRD,
        Content.OUTDOORS,
        Content.SCENE,
        Content.SPEECH,
        Content.MUSIC,
    }
    assert contents >= {Content.MACHINE, Content.FROG, Content.ESC50}
