"""Stage that says how likely each scene is in a window of about a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.scene_readings import UNKNOWN
from monitor.core.types import read_only
from monitor.errors import BundleError
from monitor.inference.session import InferenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.types import Float32Array, Span, Window
    from monitor.features.spec import FeatureSpec
    from monitor.inference.bundle import Bundle
    from monitor.inference.manifest import WindowCut

RATE = 32_000
"""Samples a second of the stream that the monitor makes for scenes."""

_ROUNDING = 1e-4
"""By how much eight bits and a softmax may leave 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class SceneScores:
    """What the network makes of one window."""

    span: Span
    """The window."""
    probabilities: Float32Array
    """float32 `(labels,)`, 0..1, read-only, in the order of the classifier's labels."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "probabilities", read_only(self.probabilities, dimensions=1))


class SceneClassifier:
    """Stage: `Window` -> its `SceneScores`.

    Windows are scored one by one, so that results do not depend on how many come together. It keeps nothing.
    """

    latency = 0

    def __init__(self, bundle: Bundle) -> None:
        """Raises BundleError when the bundle is no classifier of scenes, or needs audio that there is no path to."""
        manifest = bundle.manifest
        scores, spec = manifest.scores, bundle.spec
        remedy = "Set scene.model to another bundle, or take it out"
        if manifest.task != "scene" or scores is None:
            why = f"is a model for `{manifest.task}`, not one that knows scenes"
            raise BundleError(f"model {manifest.id}", why, remedy)
        if spec is None or spec.rate != RATE:
            taken = "a waveform" if spec is None else f"features at {spec.rate} Hz"
            raise BundleError(f"model {manifest.id}", f"takes {taken}; scenes have features at {RATE} Hz", remedy)
        if scores.role == "logits":
            raise BundleError(f"model {manifest.id}", "gives logits; scenes need probabilities", remedy)
        self.bundle = bundle
        self.labels: tuple[str, ...] = tuple(bundle.labels)
        self.reject = manifest.reject or (UNKNOWN if UNKNOWN in self.labels else None)
        """The label that stands for none of the scenes; None where there is none."""
        if all(label == self.reject for label in self.labels):
            raise BundleError(f"model {manifest.id}", "has no label of a scene", remedy)
        self.spec: FeatureSpec = spec
        self._output = scores.name

    @property
    def cut(self) -> WindowCut:
        """Frames of a window, and from one to the next."""
        return self.bundle.manifest.window

    @property
    def window_length(self) -> int:
        """Engine samples of a window."""
        return (self.cut.frames - 1) * self.spec.engine_hop + self.spec.engine_window

    @property
    def known(self) -> float | None:
        """Probability from which on a scene counts, calibrated with the model, 0..1; None where it has none."""
        threshold = self.bundle.manifest.thresholds.get("known")
        return None if threshold is None else threshold.value

    def push(self, item: Window) -> Sequence[SceneScores]:
        """Raises ValueError for a window of other features, InferenceError when the network fails."""
        if item.spec_id != self.spec.fingerprint:
            raise ValueError(f"{self.bundle.manifest.id} does not take features {item.spec_id}")
        found = self.bundle.run(item.values[None])[self._output][0]
        # Written so that a NaN fails too.
        if not bool(np.all((found >= -_ROUNDING) & (found <= 1.0 + _ROUNDING))):
            raise InferenceError(f"{self.bundle.manifest.id} gave what are no probabilities")
        return [SceneScores(item.span, np.clip(found, 0.0, 1.0).astype(np.float32))]

    def flush(self) -> Sequence[SceneScores]:
        """Nothing: nothing is held."""
        return ()

    def reset(self, at: int) -> None:
        """Nothing to forget."""
