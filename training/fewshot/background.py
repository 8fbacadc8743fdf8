"""Sound without birds: what false tags are counted on, what the threshold is chosen on, and never the same."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from training.data.catalog import Kind
from training.data.pool import ANIMALS, ESC50_BIRDS, MACHINES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from training.data.audio import AudioStore
    from training.data.catalog import Recording

COHORT_FOLDS = frozenset({1, 2})
CHOOSING_FOLD = 3
TEST_FOLD = 4

ESC50_ANIMALS = ESC50_BIRDS | (ANIMALS - {"crying_baby", "laughing"}) | {"insects", "crickets"}
"""ESC-50 classes that are animals; people are not counted among them here."""

TESTED_SCENES = {"street_traffic": "street", "office_library": "office", "vehicle_interior": "vehicle"}
"""Scenes that hold no birds -> name of the row."""
CHOOSING_SCENES = frozenset({"cafe_restaurant"})


class Use(StrEnum):
    """What a background is for."""

    COHORT = "cohort"
    CHOOSING = "choosing"
    TEST = "test"


def background(recordings: Sequence[Recording], use: Use) -> dict[str, list[Recording]]:
    """Bird-free recordings by kind of sound. A Freesound source with clips in two folds is left to the first use.

    Forest, seaside and `unknown` scenes may hold birds, soundscapes do: none of them is here.
    """
    kinds: dict[str, list[Recording]] = {}
    for recording in recordings:
        kind = _kind(recording, use)
        if kind:
            kinds.setdefault(kind, []).append(recording)
    earlier = {
        group for one in recordings if one.kind is Kind.ESC50 and one.fold < _first_fold(use) for group in one.groups
    }
    fresh = {kind: [one for one in some if not earlier & {*one.groups}] for kind, some in kinds.items()}
    return {kind: sorted(some, key=lambda one: one.path) for kind, some in sorted(fresh.items()) if some}


def stream_of(recordings: Sequence[Recording], store: AudioStore) -> NDArray[np.float32]:
    """The recordings one after another `(n,)`, as one stream that the monitor might hear."""
    return np.concatenate([np.asarray(store[recording.path], dtype=np.float32) for recording in recordings])


def _first_fold(use: Use) -> int:
    return {Use.COHORT: 1, Use.CHOOSING: CHOOSING_FOLD, Use.TEST: TEST_FOLD}[use]


def _kind(recording: Recording, use: Use) -> str | None:
    chosen: Callable[[Recording], str | None] = {Use.COHORT: _cohort, Use.CHOOSING: _choosing, Use.TEST: _test}[use]
    return chosen(recording)


def _cohort(recording: Recording) -> str | None:
    # Animals too: what is taken for a bird most easily is what the cohort should know.
    listed = recording.kind is Kind.ESC50 and recording.fold in COHORT_FOLDS and recording.label not in ESC50_BIRDS
    return "ESC-50 without birds" if listed else None


def _choosing(recording: Recording) -> str | None:
    if recording.kind is Kind.ESC50:
        animal = recording.label in ESC50_ANIMALS
        return "ESC-50 without animals" if recording.fold == CHOOSING_FOLD and not animal else None
    if recording.kind is Kind.SCENE and recording.label in CHOOSING_SCENES:
        return "café"
    return "music" if recording.kind is Kind.MUSIC else None


def _test(recording: Recording) -> str | None:
    if recording.kind is Kind.ESC50:
        animal = recording.label in ESC50_ANIMALS
        return "ESC-50 without animals" if recording.fold == TEST_FOLD and not animal else None
    if recording.kind is Kind.SCENE:
        return TESTED_SCENES.get(recording.label)
    if recording.kind is Kind.MACHINE and recording.label in MACHINES:
        return "machines"
    return "speech" if recording.kind is Kind.SPEECH else None
