"""Turns windows of a machine into directions: the nearer two are, the more alike they sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import BundleError
from monitor.features.spec import MACHINE
from monitor.inference.directions import directions
from monitor.inference.session import InferenceError
from monitor.machines.window import FRAMES

if TYPE_CHECKING:
    from monitor.core.types import Float32Array
    from monitor.inference.bundle import Bundle

DEFAULT_ENCODER = "machine-encoder"
"""Judges machines that were learnt with it, where the settings name none. None is learnt with it unless asked for: on
machines that it never heard it brought nothing (its card has the figures)."""


class MachineEncoder:
    """An encoder of machines, in memory. It keeps nothing between calls."""

    def __init__(self, bundle: Bundle) -> None:
        """Raises BundleError when the bundle is no encoder of machines, or takes other windows than the branch's."""
        manifest = bundle.manifest
        what, remedy = f"model {manifest.id}", "Set machines.encoder to an encoder of machines, or leave it unset"
        if manifest.task != "machine" or manifest.input.kind != "features":
            why = f"is a model for `{manifest.task}` on {manifest.input.kind}, not an encoder of machines on features"
            raise BundleError(what, why, remedy)
        spec, frames = bundle.spec, manifest.window.frames
        if spec is None or spec.fingerprint != MACHINE.fingerprint or frames != FRAMES:
            raise BundleError(what, f"does not take windows of {FRAMES} frames of the machine front-end", remedy)
        output = manifest.embedding or manifest.outputs[0]
        self.id = manifest.id
        """`name@version`; embeddings of different encoders do not compare."""
        self.dimension = output.shape[-1] or 0
        """Of an embedding."""
        self._bundle = bundle
        self._output = output.name

    def embed(self, windows: Float32Array) -> Float32Array:
        """Windows float32 `(n, 126, 224)` dB -> float32 `(n, d)`, rows of length 1.

        They are run one by one, so that results do not depend on how many come together. Raises InferenceError when the
        network fails or gives no direction.
        """
        rows = np.empty((len(windows), self.dimension), dtype=np.float32)
        for number, window in enumerate(windows):
            rows[number] = directions(self._bundle.run(window[None])[self._output], self.id)[0]
        if not np.isfinite(rows).all():
            raise InferenceError(f"{self.id} gave values that are no numbers")
        return rows
