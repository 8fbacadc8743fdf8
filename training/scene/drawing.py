"""Which recordings a training batch is made of, whatever it is made in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import torch

from training.data.catalog import Kind
from training.scene.recipe import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from training.scene.source import Clip, Source

EVENT_GROUPS = 3
"""Sounds of ESC-50 that are no label come as often as so many scenes: enough to be learnt, scenes not rare."""


class Batch(NamedTuple):
    """Training windows."""

    mixed: torch.Tensor
    """float32 `(batch, frames, bands)`, log mel after mixing."""
    clean: torch.Tensor
    """The same before mixing."""
    taught: torch.Tensor
    """What the teacher hears, in the front-end of its own: clean, or mixed where the recipe says so."""
    labels: torch.Tensor
    """`(batch,)`, -1 where a sound is an event only."""
    events: torch.Tensor
    """`(batch,)`, class of ESC-50, -1 where there is none."""
    order: torch.Tensor
    """`(batch,)`: with which window each was mixed."""
    share: float
    """Of its own, 0..1."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Groups of clips that are equally likely; within a group, every clip."""

    source: Source
    groups: list[list[Clip]]
    kin: dict[str, list[Clip]]
    """Label -> sounds that its scene is full of."""
    kin_share: float

    @classmethod
    def of(cls, source: Source, fold: int | None, events: bool, kin_share: float) -> Self:
        """What the networks of a fold may hear; with `events` sounds of ESC-50 that are no label too."""
        chosen = [clip for clip in source.clips if clip.trains(fold)]
        by_label: dict[str, list[Clip]] = {}
        for clip in chosen:
            if clip.label in source.labels and not clip.kin:
                by_label.setdefault(clip.label, []).append(clip)
        if UNKNOWN in by_label:
            by_label[UNKNOWN] = _evenly(by_label[UNKNOWN])
        groups = [by_label[label] for label in source.labels if label in by_label]
        others = [clip for clip in chosen if clip.label not in source.labels]
        if events and others:
            groups += [others] * EVENT_GROUPS
        kin = {label: [clip for clip in chosen if clip.kin and clip.label == label] for label in source.labels}
        return cls(source, groups, kin, kin_share)

    @classmethod
    def of_events(cls, source: Source) -> Self:
        """Sounds of ESC-50 alone, every class as likely as another: nothing that any fold tests on."""
        by_event: dict[str, list[Clip]] = {event: [] for event in source.events}
        for clip in source.clips:
            if clip.recording.label in by_event and not clip.stranger:
                by_event[clip.recording.label].append(clip)
        return cls(source, [some for some in by_event.values() if some], {}, 0.0)

    def draw(self, generator: np.random.Generator) -> Clip:
        """One clip."""
        group = self.groups[int(generator.integers(len(self.groups)))]
        return group[int(generator.integers(len(group)))]

    def sounding(self, clip: Clip, generator: np.random.Generator) -> Clip:
        """The clip itself or, now and then, one of its scene's kin."""
        kin = self.kin.get(clip.label, [])
        if kin and generator.random() < self.kin_share:
            return kin[int(generator.integers(len(kin)))]
        return clip

    def labels_of(self, clips: Sequence[Clip]) -> torch.Tensor:
        """`(n,)`, -1 for none."""
        labels = self.source.labels
        return torch.tensor([labels.index(clip.label) if clip.label in labels else -1 for clip in clips])

    def events_of(self, clips: Sequence[Clip]) -> torch.Tensor:
        """`(n,)`, -1 for none."""
        events = self.source.events
        return torch.tensor([events.index(c.recording.label) if c.recording.label in events else -1 for c in clips])


def _evenly(unknown: list[Clip]) -> list[Clip]:
    """Recordings of other scenes, few and long, as often as single sounds, which are many."""
    sounds = [clip for clip in unknown if clip.recording.kind is Kind.ESC50]
    others = [clip for clip in unknown if clip.recording.kind is not Kind.ESC50]
    times = round(len(sounds) / len(others)) if sounds and others else 1
    return sounds + others * max(1, times)
