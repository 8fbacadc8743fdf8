"""Turns windows of the bird front-end into directions: the nearer two are, the more alike the birds sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.core.types import Embedding
from monitor.errors import BundleError
from monitor.inference.directions import SHORTEST, directions
from monitor.inference.session import InferenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.types import Float32Array, Window
    from monitor.inference.bundle import Bundle


class Embedder:
    """Stage: `Window` -> its `Embedding`; `embed` does the same for arrays.

    Windows are run one by one, so that results do not depend on how many come together. It keeps nothing between calls.
    """

    latency = 0

    def __init__(self, bundle: Bundle) -> None:
        """Raises BundleError when the bundle is no encoder on features."""
        manifest = bundle.manifest
        output = manifest.embedding
        if output is None or manifest.input.kind != "features":
            why = f"is a model for `{manifest.task}` on {manifest.input.kind}, not an encoder on features"
            raise BundleError(f"model {manifest.id}", why, "Set birds.encoder to an encoder, such as bird-encoder")
        if bundle.spec is None:
            raise ValueError(f"{manifest.id} takes features, but its bundle has no spec")
        self.spec = bundle.spec
        self.model_id = manifest.id
        """`name@version`; embeddings of different encoders do not compare."""
        self.dimension = output.shape[-1] or 0
        """Of an embedding."""
        self.frames = manifest.window.frames
        """Of a window."""
        self.hop = manifest.window.hop
        """Frames between the starts of two windows of a stream, where all of it is embedded."""
        self._session = bundle.session
        self._input = manifest.inputs[0].name
        self._output = output.name

    def embed(self, windows: Float32Array) -> Float32Array:
        """Windows float32 `(n, frames, bands)` -> float32 `(n, d)`, rows of length 1.

        Raises InferenceError when the network fails or gives no direction.
        """
        rows = np.empty((len(windows), self.dimension), dtype=np.float32)
        for number, window in enumerate(windows):
            output = self._session.run({self._input: window[None]})[self._output]
            rows[number] = directions(output, self.model_id)[0]
        return rows

    def push(self, item: Window) -> Sequence[Embedding]:
        """Raises ValueError when the window is of another spec, InferenceError as `embed`."""
        if item.spec_id != self.spec.fingerprint:
            raise ValueError(f"the encoder needs features {self.spec.fingerprint}, got {item.spec_id}")
        return [Embedding(self.embed(item.values[None])[0], item.span, self.model_id)]

    def flush(self) -> Sequence[Embedding]:
        """Nothing: nothing is held."""
        return ()

    def reset(self, at: int) -> None:
        """Nothing to forget."""


def mean_direction(rows: Float32Array) -> Float32Array:
    """Embeddings float32 `(n, d)`, n 1 or more -> the direction of their mean, float32 `(d,)` of length 1.

    Raises InferenceError when they cancel each other out.
    """
    mean = rows.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(mean))
    if not length > SHORTEST:
        raise InferenceError("the embeddings cancel each other out")
    return (mean / length).astype(np.float32)
