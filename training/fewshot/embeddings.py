"""One embedding a clip: which of its windows are embedded, and their mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from monitor.birds.clips import clip_windows
from monitor.birds.peaks import best_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from training.fewshot.clips import Clip, ClipSet

    Encoder = Callable[[NDArray[np.float32]], NDArray[np.floating]]
    """Windows float32 `(n, frames, bands)` in dB -> `(n, d)`."""

CHUNK_HOP = 50
"""Frames between the windows of `Choice.ALL`: 1 s."""

BATCH = 64


class Choice(StrEnum):
    """Which windows of a clip are averaged."""

    BEST = "best"
    """The best few by the gate, as the monitor enrolls a clip."""
    ALL = "all"
    """Windows one second apart from the first on, as the paper averages its chunks."""
    BEST_ONE = "best-one"
    """The one that the gate likes best: the paper's PS."""


def windows_of_clip(clip: Clip, clips: ClipSet, choice: Choice) -> list[int]:
    """First frames of the windows that are averaged, at least one."""
    last = len(clip.features) - clips.frames
    if choice is Choice.ALL:
        return list(range(0, last + 1, CHUNK_HOP))
    if choice is Choice.BEST:
        return clip_windows(clip.gate, len(clip.features), clips.frames, clips.gate_cut)
    return best_windows(clip.gate, clips.gate_cut, range(len(clip.features)), clips.frames, 1)


@dataclass(frozen=True, slots=True, eq=False)
class WindowEmbeddings:
    """Every window that some choice asks for, embedded once."""

    clips: ClipSet
    rows: NDArray[np.float64]
    """`(m, d)`."""
    places: tuple[dict[int, int], ...]
    """For each clip: first frame of a window -> its row."""

    def of(self, choice: Choice) -> NDArray[np.float64]:
        """`(clips, d)`: mean over the chosen windows, not normalised."""
        chosen = [windows_of_clip(clip, self.clips, choice) for clip in self.clips.clips]
        rows = [
            self.rows[[place[start] for start in starts]].mean(axis=0)
            for place, starts in zip(self.places, chosen, strict=True)
        ]
        return np.stack(rows)

    def mapped(self, transform: Callable[[NDArray[np.floating]], NDArray[np.floating]]) -> WindowEmbeddings:
        """The same windows with a transform of their rows `(m, d)` -> `(m, e)`."""
        return replace(self, rows=np.asarray(transform(self.rows), dtype=np.float64))


def window_embeddings(
    clips: ClipSet, encoder: Encoder, choices: Iterable[Choice] = Choice, batch: int = BATCH
) -> WindowEmbeddings:
    """Embed what the choices ask for, `batch` windows at a time."""
    asked = list(choices)
    places: list[dict[int, int]] = []
    where: list[tuple[Clip, int]] = []
    for clip in clips.clips:
        starts = sorted({start for choice in asked for start in windows_of_clip(clip, clips, choice)})
        places.append({start: len(where) + i for i, start in enumerate(starts)})
        where += [(clip, start) for start in starts]
    parts: list[NDArray[np.floating]] = []
    for first in range(0, len(where), batch):
        cut = [clip.features[start : start + clips.frames] for clip, start in where[first : first + batch]]
        parts.append(np.asarray(encoder(np.stack(cut))))
    return WindowEmbeddings(clips, np.concatenate(parts).astype(np.float64), tuple(places))


def encode(clips: ClipSet, encoder: Encoder, choose: Choice | str = Choice.BEST) -> NDArray[np.float64]:
    """`(clips, d)` by one choice; to compare choices, embed with `window_embeddings` once."""
    choice = Choice(choose)
    return window_embeddings(clips, encoder, [choice]).of(choice)


def unit_rows(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """`(n, d)` scaled to length 1; a row of zeros stays."""
    values = np.asarray(rows, dtype=np.float64)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
