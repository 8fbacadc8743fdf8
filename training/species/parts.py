"""Which clips train, validate and test: whole groups, class by class, the rarest first."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from training.data.catalog import SITE_PREFIX
from training.data.splits import Part, connected, fraction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.data.catalog import Recording

_RECORDER_DAY = re.compile(r"_(S\d+)_(\d{8})_")
"""Of clips that were cut from hours of autonomous recorders."""
_PLACE_DAY = re.compile(r"([A-Za-z_]*St_?Bees)[A-Za-z_0-9]*?_(\d{8})-")
_FOCAL = re.compile(r"_([A-Z]{2}\d+)_\d")
"""Group of animals that a person followed and recorded."""

LEAST_GROUPS = 3
"""Of a class that is validated and tested."""


@dataclass(frozen=True, slots=True)
class Divided:
    """Where a clip belongs."""

    component: str
    """Smallest group name among all clips that are connected to this one."""
    part: Part


def by_recorder_and_day(recording: Recording) -> Recording:
    """With the recorder and day in the place of the site that is otherwise the only group of such clips.

    The site keeps all of its clips together, so that none could test; the day and its recorder are what calls of one
    animal, its weather and its microphone share. A recording without either keeps its groups.
    """
    text = next((group for group in recording.groups if group.startswith("file:")), "")
    place = _PLACE_DAY.search(text.rsplit("/", 1)[-1].rsplit(":", 1)[-1])
    for found in (_RECORDER_DAY.search(text), place):
        if found:
            recorder = found[1].replace("_", "").casefold()
            return replace(recording, groups=(f"recorder-day:{recorder}:{found[2]}",))
    if any(group.startswith(SITE_PREFIX) for group in recording.groups):
        focal = _FOCAL.search(text)
        stem = re.sub(r"[-_.]?[0-9]+(\.[0-9]+)?$", "", text.rsplit(":", 1)[-1])
        group = f"focal:{focal[1]}" if focal else f"series:{stem}"
        return replace(recording, groups=(group,))
    return recording


def divide(
    recordings: Sequence[Recording],
    labels: Sequence[str],
    shares: Mapping[Part, float],
    seed: int,
) -> list[Divided]:
    """One entry a recording; `shares` (0..1) of test and validation are of each label's clips.

    Test fills first, with whole components in an order that depends on the seed only, then validation; at least one
    component of each label trains. A label with fewer than three components only trains, and so does a component that
    holds more than half of a label's clips: what it would test is one recording.
    """
    components = connected(recordings)
    members: dict[str, dict[str, int]] = defaultdict(dict)
    for component, label in zip(components, labels, strict=True):
        members[label][component] = members[label].get(component, 0) + 1
    part_of: dict[str, Part] = {}
    for sizes in members.values():
        half = sum(sizes.values()) / 2
        part_of.update({name: Part.TRAIN for name, size in sizes.items() if len(sizes) < LEAST_GROUPS or size > half})
    order = sorted(members, key=lambda label: (len(members[label]), label))
    for part in (Part.TEST, Part.VALIDATION):
        for label in order:
            _fill(members[label], part, shares[part], part_of, seed)
    return [Divided(component, part_of.get(component, Part.TRAIN)) for component in components]


def _fill(sizes: Mapping[str, int], part: Part, share: float, part_of: dict[str, Part], seed: int) -> None:
    """Give components of one label to `part` until it has its share of the clips."""
    wanted = share * sum(sizes.values())
    have = sum(size for name, size in sizes.items() if part_of.get(name) is part)
    free = sorted((name for name in sizes if name not in part_of), key=lambda name: fraction(name, seed))
    trains = any(part_of.get(name) is Part.TRAIN for name in sizes)
    for name in free:
        # The last free component trains, unless another one does already.
        left = sum(other not in part_of for other in sizes)
        if share <= 0 or (left <= 1 and not trains):
            return
        # Half of a component more than wanted is nearer than none of it.
        if have > 0 and have + sizes[name] / 2 > wanted:
            continue
        part_of[name] = part
        have += sizes[name]
