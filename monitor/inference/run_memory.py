"""Remembers the last windows that a network heard, so that two who ask for one window pay for one run."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.core.types import Float32Array

WINDOWS = 32
"""Windows remembered: those of the last seconds, of a few streams."""

Outputs = dict[str, "Float32Array"]


class RunMemory:
    """Outputs of all heads for the last windows, by what the windows hold: a stream's place does not matter.

    What is remembered is what the network would give again, so that it changes nothing but the cost.
    """

    def __init__(self, run: Callable[[Float32Array], Outputs], windows: int = WINDOWS) -> None:
        """`run` takes windows `(n, ...)` and gives outputs `(n, ...)` by name."""
        self._run = run
        self._windows = windows
        self._known: OrderedDict[bytes, Outputs] = OrderedDict()
        self.runs = 0
        """Windows that the network heard."""
        self.hits = 0
        """Windows that it did not need to."""

    def run(self, windows: Float32Array) -> Outputs:
        """Outputs by name, owned by the caller. Raises InferenceError as the network does."""
        if not len(windows):
            return self._run(windows)
        rows = [self._one(windows[number : number + 1]) for number in range(len(windows))]
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    def _one(self, window: Float32Array) -> Outputs:
        key = hashlib.blake2b(np.ascontiguousarray(window).data, digest_size=16).digest()
        outputs = self._known.get(key)
        if outputs is not None:
            self.hits += 1
            self._known.move_to_end(key)
            return outputs
        self.runs += 1
        outputs = self._known[key] = self._run(window)
        if len(self._known) > self._windows:
            self._known.popitem(last=False)
        return outputs
