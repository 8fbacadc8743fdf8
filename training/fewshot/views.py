"""Batches of two views: which recordings, and which windows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import lightning
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from training.fewshot.selection import proximate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from training.fewshot.paper_store import LongClip

Batch = tuple["Tensor", "Tensor"]
"""Windows float32 `(2, batch, frames, bands)` in dB, and the class of each recording `(batch,)`."""


class Views:
    """Draws windows of recordings; batch k of an epoch depends on the seed, the epoch and k alone."""

    def __init__(
        self,
        clips: Sequence[LongClip],
        labels: Sequence[str],
        frames: int,
        choice: Literal["proximity", "gate"],
        apart: int,
    ) -> None:
        """`apart`: frames from one to the other window of temporal proximity."""
        self._clips = clips
        classes = {label: i for i, label in enumerate(sorted(set(labels)))}
        self.labels = np.array([classes[label] for label in labels])
        self._frames = frames
        self._choice = choice
        self._apart = apart

    def __call__(self, rows: NDArray[np.int64], generator: np.random.Generator) -> Batch:
        """Two views of each of the recordings."""
        views: list[list[NDArray[np.float16]]] = [[], []]
        for row in rows:
            clip = self._clips[row]
            starts = (clip.preferred, clip.preferred)
            if self._choice == "proximity":
                starts = proximate(len(clip.features), self._frames, self._apart, generator)
            for view, start in zip(views, starts, strict=True):
                view.append(clip.features[start : start + self._frames])
        windows = np.stack([np.stack(view) for view in views]).astype(np.float32)
        return torch.from_numpy(windows), torch.from_numpy(self.labels[rows])


def order(labels: NDArray[np.int64], partners: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """All rows once in random order, a share `partners` of them followed by another row of its class, if there is one.

    As many rows as there are labels: what partners add is cut at the end.
    """
    members = {int(label): np.flatnonzero(labels == label) for label in np.unique(labels)}
    rows: list[int] = []
    for row in generator.permutation(len(labels)):
        rows.append(int(row))
        others = members[int(labels[row])]
        others = others[others != row]
        if len(others) and generator.random() < partners:
            rows.append(int(generator.choice(others)))
    return np.array(rows[: len(labels)])


class _Epoch(Dataset[Batch]):
    """The batches of one epoch; the incomplete last one is dropped."""

    def __init__(self, views: Views, batch: int, partners: float, seed: int, epoch: int) -> None:
        self._views = views
        self._batch = batch
        self._seed = (seed, epoch)
        self._rows = order(views.labels, partners, np.random.default_rng(self._seed))

    def __len__(self) -> int:
        return len(self._rows) // self._batch

    def __getitem__(self, item: int) -> Batch:
        rows = self._rows[item * self._batch : (item + 1) * self._batch]
        return self._views(rows, np.random.default_rng([*self._seed, item + 1]))


class ViewsModule(lightning.LightningDataModule):
    """Batches for lightning; a run that is resumed goes on with the epoch it was in."""

    def __init__(self, views: Views, batch: int, partners: float, seed: int) -> None:
        super().__init__()
        # A batch larger than the data would never be full.
        self.batch = min(batch, len(views.labels))
        self._views = views
        self._partners = partners
        self._seed = seed

    def epoch(self, number: int) -> Dataset[Batch]:
        """Batches of an epoch, from 0."""
        return _Epoch(self._views, self.batch, self._partners, self._seed, number)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Of the current epoch."""
        return DataLoader(self.epoch(self.trainer.current_epoch if self.trainer else 0), batch_size=None)
