"""The student and the hand-made features joined: whitened on base species, weighed on validation species."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from training.data.episodes import Protocol
from training.fewshot.embeddings import Choice, window_embeddings
from training.fewshot.episodes_score import EpisodeSet
from training.fewshot.handmade import HandMade
from training.fewshot.joined import JoinedEncoder, choose_weights, fit_joined
from training.fewshot.material import base_windows, origins
from training.fewshot.whitening import WhiteningSettings
from training.nets.mobilenet import WIDTH
from training.nets.student import TARGET_WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from training.fewshot.clips import ClipSet
    from training.fewshot.joined import Join
    from training.fewshot.recipe import Joining
    from training.nets.student import Student

POOLED, ANSWER = "pooled", "answer"
"""Blocks of the student: what its convolutions pool, and its estimate of the teacher."""
BATCH = 128
EPISODES = 4_000
"""For choices on validation species; the headline and 20 ways count alike."""


class Outputs(nn.Module):
    """The student's two outputs side by side: raw dB windows -> `(batch, 1984)`."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, windows: Tensor) -> Tensor:
        """As the class says."""
        return torch.cat(self.student(windows), dim=1)


def parts_of(student: Student) -> list[nn.Module]:
    """What is joined, in its order."""
    return [Outputs(student).eval(), HandMade().eval()]


def sizes() -> dict[str, int]:
    """Blocks of the joined features and their widths, in order."""
    return {POOLED: WIDTH, ANSWER: TARGET_WIDTH, **HandMade().groups}


def features(parts: list[nn.Module], windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the join takes, `(n, size)`, of windows `(n, frames, bands)` in dB."""
    rows: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for start in range(0, len(windows), BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(windows[start : start + BATCH]))
            rows.append(torch.cat([part(batch) for part in parts], dim=1).numpy())
    return np.concatenate(rows)


def base_features(
    parts: list[nn.Module], clips: ClipSet, file: Path, progress: Callable[[str], None]
) -> NDArray[np.float32]:
    """Features of the base windows; kept in `file`, whose name must tell what they are made of."""
    if not file.is_file():
        rows: list[NDArray[np.float32]] = []
        for number, windows in enumerate(base_windows(clips), 1):
            rows.append(features(parts, windows))
            if number % 200 == 0:
                progress(f"embedded {number} of {len(clips.clips)} base clips")
        scratch = file.with_suffix(".part.npy")
        np.save(scratch, np.concatenate(rows))
        scratch.replace(file)
    return np.load(file)


class Chooser:
    """Scores joins on validation species: the mean of the headline and of 20 ways, with the monitor's windows."""

    def __init__(self, parts: list[nn.Module], clips: ClipSet) -> None:
        self._embedded = window_embeddings(clips, lambda windows: features(parts, windows), [Choice.BEST])
        self.recordings = [clip.recording for clip in clips.clips]
        self._sets = [EpisodeSet(self.recordings, Protocol(ways, 1), EPISODES, replicates=0) for ways in (5, 20)]

    def embeddings(self, join: Join) -> NDArray[np.float64]:
        """`(clips, d)`: what the joined encoder makes of each clip."""
        return self.mapped(join.apply)

    def mapped(self, transform: Callable[[NDArray[np.floating]], NDArray[np.floating]]) -> NDArray[np.float64]:
        """`(clips, d)`: the joined features of windows through a transform, averaged."""
        return self._embedded.mapped(transform).of(Choice.BEST)

    def accuracies(self, join: Join) -> tuple[float, float]:
        """5-way and 20-way 1-shot, another recordist, 0..1."""
        rows = self.embeddings(join)
        five, twenty = (one.measure(rows).figure.accuracy.value for one in self._sets)
        return five, twenty

    def __call__(self, join: Join) -> float:
        """Their mean."""
        return float(np.mean(self.accuracies(join)))


def choose_join(base: NDArray[np.float32], clips: ClipSet, chooser: Chooser, settings: Joining) -> Join:
    """Whitened on base windows, with the weights of the student's blocks that validation prefers."""
    network = WhiteningSettings(
        shrinkage=settings.shrinkage, softness=settings.softness, dimensions=settings.network_dimensions
    )
    by_hand = WhiteningSettings(dimensions=settings.hand_made_dimensions)
    given = dict.fromkeys((POOLED, ANSWER), network) | dict.fromkeys(HandMade().groups, by_hand)
    start = dict.fromkeys((POOLED, ANSWER), settings.network_weight)
    join = fit_joined(base, origins(clips), sizes(), given, start)
    return choose_weights(join, [POOLED, ANSWER], chooser, settings.factors)


def joined(student: Student, join: Join) -> JoinedEncoder:
    """The module that is exported."""
    return JoinedEncoder(parts_of(student), join).eval()
