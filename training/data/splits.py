"""Which recording may train, which validates, which tests; by group, never by window, and the same on every machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from training.data.catalog import SITE_PREFIX, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.data.catalog import Recording


class Part(StrEnum):
    """What a recording is for, before ESC-50 folds are taken out."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where a recording belongs."""

    component: str
    """Smallest group name among all recordings that are connected to this one."""
    part: Part
    folds: frozenset[int]
    """ESC-50 folds in which its component has a clip: a model tested on one of them must not have seen it."""


def connected(recordings: Sequence[Recording]) -> list[str]:
    """Component name of each recording: those that share any group, directly or through others, have the same."""
    parent: dict[str, str] = {}

    def root(group: str) -> str:
        parent.setdefault(group, group)
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    for recording in recordings:
        first = root(recording.groups[0])
        for group in recording.groups[1:]:
            low, high = sorted((first, root(group)))
            parent[high] = low
            first = low
    return [root(recording.groups[0]) for recording in recordings]


def fraction(component: str, seed: int) -> float:
    """A number in 0..1 that depends on the name and the seed only."""
    digest = hashlib.sha256(f"{seed}:{component}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def assign(recordings: Sequence[Recording], share: float, seed: int) -> list[Assignment]:
    """One assignment a recording: about `share` (0..1) of the components of each label validate.

    Field minutes test and never do anything else. Sites with many clips train only. Of kinds with few recordings
    (scenes, music, machines) the components with the smallest `fraction` validate, so that each label has one.
    """
    components = connected(recordings)
    folds: dict[str, set[int]] = {}
    strata: dict[str, set[str]] = {}
    for recording, component in zip(recordings, components, strict=True):
        folds.setdefault(component, set())
        if recording.fold:
            folds[component].add(recording.fold)
        strata.setdefault(_stratum(recording), set()).add(component)
    validating: set[str] = set()
    for members in strata.values():
        ranked = sorted(members, key=lambda name: fraction(name, seed))
        count = max(1, round(share * len(ranked))) if len(ranked) > 1 else 0
        validating.update(ranked[:count])
    pairs = list(zip(recordings, components, strict=True))
    validating -= {c for r, c in pairs if any(group.startswith(SITE_PREFIX) for group in r.groups)}
    testing = {c for r, c in pairs if r.kind is Kind.FIELD}
    return [
        Assignment(
            component=component,
            part=Part.TEST if component in testing else Part.VALIDATION if component in validating else Part.TRAIN,
            folds=frozenset(folds[component]),
        )
        for component in components
    ]


def _stratum(recording: Recording) -> str:
    """Recordings among which a share validates."""
    if recording.kind in (Kind.ESC50, Kind.SCENE, Kind.MACHINE):
        return f"{recording.kind}:{recording.label}"
    return str(recording.kind)
