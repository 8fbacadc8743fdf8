"""The newest windows together, and what they look like over any number of them: measured once for all machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from monitor.features.spec import MACHINE
from monitor.machines.normals import context_direction
from monitor.machines.simple import LONGEST_CONTEXT, simple_features
from monitor.machines.window import HOP

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.core.types import Float32Array, Span
    from monitor.features.filterbank import Float64Array
    from monitor.machines.simple import SimpleFeatures
    from monitor.machines.window import MachineWindow

    Embed = Callable[[Float32Array], Float32Array]
    """Windows float32 `(n, 126, 224)` -> unit rows float32 `(n, d)`."""


@dataclass(frozen=True, slots=True, eq=False)
class HeardContext:
    """A window and those right before it. What was measured of it is kept, so that several machines share it."""

    windows: tuple[MachineWindow, ...]
    """1 to `LONGEST_CONTEXT`, each a hop after the one before."""
    embeddings: tuple[Float32Array, ...]
    """As many, float32 `(d,)` of length 1; none without an encoder."""
    _features: dict[int, SimpleFeatures] = field(default_factory=dict[int, "SimpleFeatures"])

    @property
    def window(self) -> MachineWindow:
        """The newest."""
        return self.windows[-1]

    @property
    def span(self) -> Span:
        """Of the newest window."""
        return self.window.span

    def __len__(self) -> int:
        return len(self.windows)

    def features(self, count: int) -> SimpleFeatures:
        """Of the newest `count` windows, 1 to as many as there are."""
        found = self._features.get(count)
        if found is None:
            found = self._features[count] = simple_features(self.windows[-count:])
        return found

    def direction(self, count: int) -> Float64Array | None:
        """Of the newest `count` windows' embeddings, float64 `(d,)`; None without an encoder."""
        return context_direction(np.stack(self.embeddings[-count:])) if self.embeddings else None


class Contexts:
    """Windows one after the other, each given with those before it; after windows that are missing it begins anew."""

    def __init__(self, embed: Embed | None = None) -> None:
        self.embedding = embed is not None
        """Whether windows are embedded; may change between two of them, where there is an encoder."""
        self._embed = embed
        self._windows: list[MachineWindow] = []
        self._embeddings: list[Float32Array] = []

    def add(self, item: MachineWindow) -> HeardContext:
        """The window with those before it. Raises InferenceError when the encoder fails."""
        if self._windows and item.span.start - self._windows[-1].span.start != HOP * MACHINE.engine_hop:
            self.clear()
        self._windows = [*self._windows, item][-LONGEST_CONTEXT:]
        if self._embed is not None and self.embedding:
            # Usually the newest only; all of them where embeddings are wanted from now on.
            known = self._embeddings[1 - LONGEST_CONTEXT :]
            lacking = self._windows[len(known) :]
            self._embeddings = [*known, *(self._embed(window.values[None])[0] for window in lacking)]
        else:
            self._embeddings = []
        return HeardContext(tuple(self._windows), tuple(self._embeddings))

    def clear(self) -> None:
        """Forget the windows before."""
        self._windows, self._embeddings = [], []
