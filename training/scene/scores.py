"""Windows of test recordings scored, and put together to decisions of ten seconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import scipy.signal
import torch

from monitor.features.frontend import Kernel
from monitor.features.spec import SCENE
from training.data.mixtures import cut
from training.nets.mobileast import FRAMES
from training.protocol import windows_of
from training.scene.render import WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import nn

    from training.data.audio import AudioStore
    from training.scene.devices import Device
    from training.scene.source import Clip, Source

    Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]

HOP = FRAMES
"""Frames between windows: one second."""
HOP_S = HOP * SCENE.hop / SCENE.rate
BATCH = 64
KERNEL = Kernel(SCENE)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Windows of some recordings."""

    labels: NDArray[np.int64]
    """`(n,)`, index of the right scene; -1 where there is none."""
    probabilities: NDArray[np.float64]
    """`(n, labels)`."""
    units: NDArray[np.str_]
    """`(n,)`, recording (its component): what is drawn anew in a bootstrap."""
    decisions: NDArray[np.int64]
    """`(n,)`, number of the decision that a window goes into; -1 for a rest too short for one."""
    folds: NDArray[np.int64]
    """`(n,)`."""
    devices: NDArray[np.str_]
    """`(n,)`, what recorded it, where that is known; else empty."""

    def decided(self) -> Scored:
        """One row a decision: probabilities averaged over its windows."""
        numbers, first = np.unique(self.decisions[self.decisions >= 0], return_index=True)
        inside = np.flatnonzero(self.decisions >= 0)
        rows = inside[first]
        means = np.stack([self.probabilities[self.decisions == number].mean(axis=0) for number in numbers])
        return Scored(self.labels[rows], means, self.units[rows], numbers, self.folds[rows], self.devices[rows])


def join(parts: Sequence[Scored]) -> Scored:
    """All of them; decisions are numbered anew."""
    offsets = np.cumsum([0, *(int(part.decisions.max(initial=-1)) + 1 for part in parts)])
    shifted = [np.where(p.decisions >= 0, p.decisions + o, -1) for p, o in zip(parts, offsets, strict=False)]
    return Scored(
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.units for part in parts]),
        np.concatenate(shifted),
        np.concatenate([part.folds for part in parts]),
        np.concatenate([part.devices for part in parts]),
    )


def score_clips(
    clips: Sequence[Clip], source: Source, score: Score, seconds: float, device: Callable[[Clip], Device] | None = None
) -> Scored:
    """Every window of every clip, a second after the last, heard through a device where there is one."""
    labels: list[int] = []
    probabilities: list[NDArray[np.float64]] = []
    units: list[str] = []
    decisions: list[int] = []
    folds: list[int] = []
    devices: list[str] = []
    whole = windows_in(seconds)
    stride = max(1, round(seconds / HOP_S))
    number = 0
    for clip in clips:
        heard = _features(source.store, clip.path, device(clip).response.tobytes() if device is not None else b"")
        found = score(windows_of(heard, FRAMES, HOP))
        label = source.scenes.index(clip.label) if clip.label in source.scenes else -1
        count = max(1, (len(found) - whole) // stride + 1) if len(found) >= whole else 1
        length = min(whole, len(found))
        for i in range(len(found)):
            turn, within = divmod(i, stride)
            decisions.append(number + turn if turn < count and within < length else -1)
        number += count
        probabilities.append(found)
        labels += [label] * len(found)
        units += [clip.recording.groups[0]] * len(found)
        folds += [clip.fold] * len(found)
        devices += [clip.device] * len(found)
    return Scored(
        labels=np.array(labels),
        probabilities=np.concatenate(probabilities),
        units=np.array(units),
        decisions=np.array(decisions),
        folds=np.array(folds),
        devices=np.array(devices),
    )


@lru_cache(maxsize=16)
def _features(store: AudioStore, path: str, response: bytes) -> NDArray[np.float32]:
    """Log mel of a recording, kept for the other networks of its fold; `response`: float32 of a microphone."""
    samples = store[path]
    if response:
        heard = scipy.signal.fftconvolve(samples, np.frombuffer(response, np.float32))
        samples = heard[: len(samples)].astype(np.float32)
    return KERNEL(samples if len(samples) >= WINDOW else cut(samples, 0, WINDOW))


def windows_in(seconds: float) -> int:
    """Windows that lie wholly within so many seconds, 1 or more."""
    return max(1, int((seconds * SCENE.rate - WINDOW) // (HOP * SCENE.hop)) + 1)


def scores_of(network: nn.Module) -> Score:
    """Features `(n, frames, bands)` -> probabilities `(n, labels)`, by torch."""

    def score(windows: NDArray[np.float32]) -> NDArray[np.float64]:
        parts: list[NDArray[np.float64]] = []
        with torch.inference_mode():
            for start in range(0, len(windows), BATCH):
                batch = torch.from_numpy(np.ascontiguousarray(windows[start : start + BATCH]))
                parts.append(torch.softmax(network(batch).double(), dim=1).numpy())
        return np.concatenate(parts)

    return score


def accuracy(scored: Scored, scenes: int) -> float:
    """Share of rows whose likeliest scene, `unknown` left out, is right."""
    return float((scored.probabilities[:, :scenes].argmax(axis=1) == scored.labels).mean())
