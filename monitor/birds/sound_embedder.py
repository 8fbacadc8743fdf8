"""Turns windows of sound into directions, with an encoder that takes a waveform, such as BirdNET.

Windows are cut at the engine rate, on the grid of the gate's frames, and brought to the encoder's own rate one by one:
what an encoder hears of a stretch does not depend on what came before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.resample import resampled
from monitor.birds.embedder import Embedder
from monitor.birds.gate_grid import grid_of
from monitor.core.types import ENGINE_RATE, Embedding
from monitor.errors import BundleError
from monitor.inference.directions import directions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.types import Float32Array, SampleWindow
    from monitor.features.spec import FeatureSpec
    from monitor.inference.bundle import Bundle


class SoundEmbedder:
    """Stage: `SampleWindow` at the engine rate -> its `Embedding`; `embed` does the same for arrays.

    Windows are run one by one, so that results do not depend on how many come together. It keeps nothing between calls
    but what an encoder of several heads remembers, which changes no result.
    """

    latency = 0

    def __init__(self, bundle: Bundle) -> None:
        """Raises BundleError when the bundle has no embedding, or takes no waveform."""
        manifest = bundle.manifest
        output = manifest.embedding
        if output is None or manifest.input.kind != "waveform":
            why = f"is a model for `{manifest.task}` on {manifest.input.kind}, not an encoder on sound"
            raise BundleError(f"model {manifest.id}", why, "Set birds.encoder to an encoder, such as bird-encoder")
        self.model_id = manifest.id
        """`name@version`; embeddings of different encoders do not compare."""
        self.dimension = output.shape[-1] or 0
        """Of an embedding."""
        self.rate = manifest.input.rate
        """Samples a second that the network takes."""
        self.samples = -(-manifest.window.frames * ENGINE_RATE // self.rate)
        """Engine samples of a window."""
        self.hop = manifest.window.hop * ENGINE_RATE // self.rate
        """Engine samples between the starts of two windows of a stream, where all of it is embedded."""
        self._length = manifest.window.frames
        self._bundle = bundle
        self._output = output.name

    def frames_on(self, grid: FeatureSpec) -> int:
        """Frames of a front-end that hold a window, wherever it begins on their grid."""
        return max(1, -(-(self.samples - grid.engine_window) // grid.engine_hop) + 1)

    def embed(self, windows: Float32Array) -> Float32Array:
        """Windows float32 `(n, samples)` at the engine rate -> float32 `(n, d)`, rows of length 1.

        Raises InferenceError when the network fails or gives no direction.
        """
        rows = np.empty((len(windows), self.dimension), dtype=np.float32)
        for number, window in enumerate(windows):
            heard = resampled(window, ENGINE_RATE, self.rate, self._length)
            rows[number] = directions(self._bundle.run(heard[None])[self._output], self.model_id)[0]
        return rows

    def push(self, item: SampleWindow) -> Sequence[Embedding]:
        """Raises ValueError when the window is at another rate or length, InferenceError as `embed`."""
        if item.rate != ENGINE_RATE or len(item.samples) != self.samples:
            why = f"{len(item.samples)} samples at {item.rate} Hz"
            raise ValueError(f"the encoder needs {self.samples} samples at {ENGINE_RATE} Hz, got {why}")
        return [Embedding(self.embed(item.samples[None])[0], item.span, self.model_id)]

    def flush(self) -> Sequence[Embedding]:
        """Nothing: nothing is held."""
        return ()

    def reset(self, at: int) -> None:
        """Nothing to forget."""


AnyEmbedder = Embedder | SoundEmbedder


def embedder_of(bundle: Bundle) -> AnyEmbedder:
    """What fits the input of a bundle. Raises BundleError when it is no encoder."""
    return SoundEmbedder(bundle) if bundle.manifest.input.kind == "waveform" else Embedder(bundle)


def frames_of_window(embedder: AnyEmbedder, gate: Bundle) -> int:
    """Frames of the gate's front-end that an encoder window takes.

    Raises BundleError when the encoder needs features, and others than the gate's.
    """
    spec = grid_of(gate).spec
    if isinstance(embedder, SoundEmbedder):
        return embedder.frames_on(spec)
    if spec.fingerprint != embedder.spec.fingerprint:
        why = f"does not take the features of the gate {gate.manifest.id}"
        raise BundleError(f"model {embedder.model_id}", why, "Set birds.encoder or birds.gate to others")
    return embedder.frames
