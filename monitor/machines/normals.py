"""The normals of a machine as detectors see them: contexts of consecutive windows, and which to leave out together."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from monitor.features.frontend import Kernel
from monitor.features.spec import MACHINE
from monitor.machines.simple import LONGEST_CONTEXT, simple_features
from monitor.machines.window import each_window, window_count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.core.types import Float32Array
    from monitor.features.filterbank import Float64Array
    from monitor.machines.simple import SimpleFeatures
    from monitor.machines.window import MachineWindow

View = Literal["spectrum", "level", "embedding"]
"""What a scorer reads of a context."""

LEAST_APART = 4
"""Contexts of the source domain that share no audio, for which contexts are shortened."""

MOST_CONTEXTS = 600
"""That are learnt from; of more, evenly spaced ones are."""

MOST_PIECES = 60
"""Stretches that are left out one after the other."""


@dataclass(frozen=True, slots=True, eq=False)
class Normals:
    """Contexts of the normals; all arrays have one row for each."""

    vectors: Mapping[View, Float64Array]
    """float64 `(n, d)` by view."""
    bands_db: Float64Array
    """float64 `(n, 56)`: as in `SimpleFeatures`."""
    clip: NDArray[np.int64]
    """int64 `(n,)`: index of its clip, ascending."""
    first: NDArray[np.int64]
    """int64 `(n,)`: its first window within the clip, ascending within a clip."""
    target: NDArray[np.bool_]
    """bool `(n,)`: whether it is of the target domain."""
    context: int
    """Windows of a context; a clip that has fewer is one context."""

    def __len__(self) -> int:
        return len(self.clip)

    def apart(self, chosen: NDArray[np.bool_]) -> int:
        """How many of the chosen contexts share no audio with one another."""
        count, last_clip, last_first = 0, -1, 0
        for clip, first in zip(self.clip[chosen], self.first[chosen], strict=True):
            if clip != last_clip or first - last_first > self.context:
                count, last_clip, last_first = count + 1, clip, first
        return count

    def left_out(
        self, chosen: NDArray[np.bool_], score: Callable[[NDArray[np.bool_], NDArray[np.bool_]], Float64Array]
    ) -> Float64Array:
        """Scores float64 `(n,)` of the chosen, each by what is learnt from the chosen that share no audio with it.

        `score(known, judged)` learns from some and scores others, both masks `(n,)`. NaN where nothing is left to learn
        from, and for those that are not chosen.
        """
        scores = np.full(len(self), np.nan)
        for piece in self._pieces(chosen):
            known = chosen & ~self._touching(piece)
            if known.any():
                scores[piece] = score(known, piece)
        return scores

    def stretches(self, chosen: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        """The chosen, clip by clip."""
        return [chosen & (self.clip == clip) for clip in np.unique(self.clip[chosen])]

    def _pieces(self, chosen: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        """Masks that together are the chosen: whole clips; where those are few, stretches as long as a context."""
        clips = self.stretches(chosen)
        pieces = clips
        if len(clips) < LEAST_APART:
            length = self.context + 1
            pieces = [
                clip & (self.first // length == step)
                for clip in clips
                for step in np.unique(self.first[clip] // length)
            ]
        if len(pieces) <= MOST_PIECES:
            return pieces
        # Neighbours go together: they sound alike, and would vouch for each other.
        share = -(-len(pieces) // MOST_PIECES)
        return [_any_of(pieces[start : start + share]) for start in range(0, len(pieces), share)]

    def _touching(self, piece: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Contexts that share audio with one of a piece."""
        touching = piece.copy()
        for clip in np.unique(self.clip[piece]):
            same = self.clip == clip
            away = np.abs(self.first[same, None] - self.first[piece & same][None]).min(axis=1)
            touching[np.flatnonzero(same)[away <= self.context]] = True
        return touching


def _any_of(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return np.asarray(np.stack(list(masks)).any(axis=0), dtype=np.bool_)


def context_length(windows: Sequence[int], most: int = LONGEST_CONTEXT) -> int:
    """Windows of a context, 1 to `most`, for clips of so many windows: as long as most clips, if enough are apart."""
    length = max(1, min(most, int(np.median(windows))))
    while length > 1 and sum(1 + max(0, count - length) // (length + 1) for count in windows) < LEAST_APART:
        length -= 1
    return length


def contexts_of(windows: Sequence[MachineWindow], length: int) -> list[Sequence[MachineWindow]]:
    """All contexts of a clip's windows, one beginning at each; the whole clip where it is shorter."""
    return [windows[first : first + length] for first in range(max(1, len(windows) - length + 1))]


def gather(
    clips: Sequence[Float32Array],
    target: Sequence[bool],
    context: int,
    embed: Callable[[Float32Array], Float32Array] | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Normals:
    """The contexts of clips `(n,)` at 16 kHz; `embed`: windows `(n, 126, 224)` -> rows `(n, d)`.

    `progress` is told after each clip how many are done.
    """
    kernel = Kernel(MACHINE)
    found: list[SimpleFeatures] = []
    places: list[tuple[int, int]] = []
    directions: list[Float64Array] = []
    counts = [window_count(len(samples)) for samples in clips]
    step = -(-sum(max(1, count - context + 1) for count in counts) // MOST_CONTEXTS)
    for clip, samples in enumerate(clips):
        length = min(context, counts[clip])
        windows: deque[MachineWindow] = deque(maxlen=length)
        rows: deque[Float32Array] = deque(maxlen=length)
        for number, window in enumerate(each_window(samples, kernel)):
            windows.append(window)
            if embed is not None:
                rows.append(embed(window.values[None])[0])
            first = number - length + 1
            if first >= 0 and first % step == 0:
                found.append(simple_features(tuple(windows)))
                places.append((clip, first))
                if embed is not None:
                    directions.append(context_direction(np.stack(rows)))
        progress(clip + 1)
    clip_of, first_of = np.array(places, dtype=np.int64).T
    vectors = views_of(found, directions if embed is not None else None)
    bands = np.stack([one.bands_db for one in found])
    return Normals(vectors, bands, clip_of, first_of, np.asarray(target, dtype=np.bool_)[clip_of], context)


def views_of(features: Sequence[SimpleFeatures], directions: Sequence[Float64Array] | None) -> dict[View, Float64Array]:
    """What scorers read of contexts, float64 `(n, d)` by view."""
    views: dict[View, Float64Array] = {
        "spectrum": np.stack([one.spectrum for one in features]),
        "level": np.array([[one.level_db] for one in features]),
    }
    if directions is not None:
        views["embedding"] = np.stack(directions)
    return views


def context_direction(rows: Float32Array) -> Float64Array:
    """Embeddings `(n, d)` of a context's windows, 1 or more -> the direction of their mean, float64 `(d,)`.

    All zeros where they cancel each other out.
    """
    mean = rows.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(mean))
    return mean / length if length > 1e-9 else np.zeros_like(mean)
