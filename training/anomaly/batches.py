"""Batches of windows: machine and other sound one to one, a target sample in each, Mixup, quarters for the domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from monitor.machines.window import FRAMES
from training.anomaly.alterations import KINDS, alter
from training.anomaly.losses import mixup_chance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from training.anomaly.material import FrameStore
    from training.anomaly.recipe import Batches


class Batch(NamedTuple):
    """What a step sees; n windows."""

    features: Tensor
    """`(n, 126, 224)`, dB."""
    machine: Tensor
    """t `(n,)`: 1 for the machine, 0 for pseudo-anomalous sound, between them after Mixup."""
    section: Tensor
    """`(n, sections)`: one-hot, or soft after Mixup."""
    sectioned: Tensor
    """`(n,)`: above 0 where the section counts."""
    domain: Tensor
    """d `(n,)`: 1 for target, its share in pseudo-target sound."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording that windows are drawn from."""

    path: str
    section: int
    """-1 for none."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Recordings by their part in training."""

    source: tuple[Entry, ...]
    target: tuple[Entry, ...]
    """May be empty."""
    negative: tuple[Entry, ...]
    """Pseudo-anomalous."""
    sections: int
    """How many classes the section head tells apart."""

    def __post_init__(self) -> None:
        if not self.source or not self.negative:
            raise ValueError("a pool needs source clips and pseudo-anomalous sound")


class BatchSource(Dataset[Batch]):
    """Batch i of a training of `steps`; the same i gives the same batch, so that a training may be resumed."""

    def __init__(
        self, pool: Pool, frames: FrameStore, settings: Batches, steps: int, seed: int, first: int = 0
    ) -> None:
        self.pool = pool
        self.settings = settings
        self.steps = steps
        self._frames = frames
        self._seed = seed
        self._first = first
        self._classes = pool.sections + (len(KINDS) if settings.altered else 0)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, item: int) -> Batch:
        step = item + self._first
        generator = np.random.default_rng([self._seed, step])
        if self.settings.domain:
            return self._quarters(generator)
        batch = self._drawn(generator)
        if self.settings.altered:
            batch = self._altered(batch, generator)
        if self.settings.mixup and generator.random() < mixup_chance(min(step, self.steps), self.steps):
            batch = mixed(batch, self.settings.mixup_beta, generator)
        return batch

    @property
    def classes(self) -> int:
        """Outputs of the section head: sections, and the kinds of alteration where there are any."""
        return self._classes

    def _drawn(self, generator: Generator) -> Batch:
        """Positive and negative windows as the settings say."""
        settings, pool = self.settings, self.pool
        positive, negative = settings.positive, settings.negative
        if not settings.one_to_one:
            share = len(pool.negative) / (len(pool.source) + len(pool.target) + len(pool.negative))
            total = positive + negative
            # Neither side may be missing: the losses need both.
            negative = int(np.clip(generator.binomial(total, share), 1, total - 1))
            positive = total - negative
        normal = [*pool.source, *pool.target]
        chosen = self._choose(normal, positive, generator)
        targets = set(pool.target)
        lacking = settings.least_target - sum(entry in targets for entry in chosen)
        if pool.target and lacking > 0:
            sources = [i for i, entry in enumerate(chosen) if entry not in targets]
            for i, entry in zip(sources, self._choose(pool.target, lacking, generator), strict=False):
                chosen[i] = entry
        parts = [
            self._batch(chosen, 1.0, [float(entry in targets) for entry in chosen], generator),
            self._batch(self._choose(pool.negative, negative, generator), 0.0, [0.0] * negative, generator),
        ]
        return joined(parts)

    def _quarters(self, generator: Generator) -> Batch:
        """Source, pseudo-target, target, pseudo-anomalous: a quarter each. Raises ValueError without target clips."""
        pool = self.pool
        if not pool.target:
            raise ValueError("domain batches need clips of the target domain")
        quarter = max(1, (self.settings.positive + self.settings.negative) // 4)
        source = self._batch(self._choose(pool.source, quarter, generator), 1.0, [0.0] * quarter, generator)
        target = self._batch(self._choose(pool.target, quarter, generator), 1.0, [1.0] * quarter, generator)
        pure = self._batch(self._choose(pool.target, quarter, generator), 1.0, [1.0] * quarter, generator)
        other = self._batch(self._choose(pool.negative, quarter, generator), 0.0, [0.0] * quarter, generator)
        mixing = self._batch(self._choose(pool.negative, quarter, generator), 0.0, [0.0] * quarter, generator)
        shares = torch.from_numpy(generator.beta(self.settings.mixup_beta, self.settings.mixup_beta, quarter)).float()
        return joined([source, mixed_with(target, mixing, shares), pure, other])

    def _choose(self, entries: Sequence[Entry], count: int, generator: Generator) -> list[Entry]:
        if not self.settings.balanced:
            return [entries[i] for i in generator.integers(len(entries), size=count)]
        by_section: dict[int, list[Entry]] = {}
        for entry in entries:
            by_section.setdefault(entry.section, []).append(entry)
        sections = [by_section[key] for key in sorted(by_section)]
        some = [sections[i] for i in generator.integers(len(sections), size=count)]
        return [one[int(generator.integers(len(one)))] for one in some]

    def _batch(self, entries: Sequence[Entry], machine: float, domain: Sequence[float], generator: Generator) -> Batch:
        windows: list[np.ndarray] = []
        section = torch.zeros(len(entries), self._classes)
        for i, entry in enumerate(entries):
            frames = self._frames[entry.path]
            start = int(generator.integers(len(frames) - FRAMES + 1))
            windows.append(frames[start : start + FRAMES])
            if entry.section >= 0:
                section[i, entry.section] = 1.0
        features = torch.from_numpy(np.stack(windows).astype(np.float32))
        sectioned = torch.tensor([float(entry.section >= 0) for entry in entries])
        return Batch(features, torch.full((len(entries),), machine), section, sectioned, torch.tensor(domain))

    def _altered(self, batch: Batch, generator: Generator) -> Batch:
        """Some of the machine's windows with altered sound: no longer normal, of their section and of their kind."""
        machine, section = batch.machine.clone(), batch.section.clone()
        features = batch.features.clone()
        others = torch.nonzero(machine == 0).squeeze(1).tolist()
        for i in torch.nonzero(machine > 0).squeeze(1).tolist():
            if generator.random() < self.settings.altered:
                kind = int(generator.integers(len(KINDS)))
                foreign = features[others[int(generator.integers(len(others)))]]
                features[i] = alter(features[i], KINDS[kind], foreign, generator)
                machine[i] = 0.0
                section[i, self.pool.sections + kind] = 1.0
        return batch._replace(features=features, machine=machine, section=section)


def joined(batches: Sequence[Batch]) -> Batch:
    """One batch after the other."""
    return Batch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))


def mixed(batch: Batch, beta: float, generator: Generator) -> Batch:
    """Mixup: every window with one of the batch, by its own share from Beta(`beta`, `beta`); so are all labels."""
    order = torch.from_numpy(generator.permutation(len(batch.machine)))
    shares = torch.from_numpy(generator.beta(beta, beta, len(batch.machine))).float()
    return mixed_with(batch, Batch(*(part[order] for part in batch)), shares)


def mixed_with(first: Batch, second: Batch, shares: Tensor) -> Batch:
    """`shares` `(n,)` of the first, the rest of the second; windows in dB: a texture of both."""

    def mix(one: Tensor, other: Tensor) -> Tensor:
        share = shares.view(-1, *[1] * (one.ndim - 1))
        return share * one + (1.0 - share) * other

    return Batch(*(mix(one, other) for one, other in zip(first, second, strict=True)))
