"""Stage that says what kind of sound ten seconds are: noise, music, speech, or speech in noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.core.clock import samples
from monitor.core.sound_readings import SoundClassReading
from monitor.errors import BundleError
from monitor.inference.session import InferenceError
from monitor.scene.smoothing import DecayingMean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.core.types import Window
    from monitor.features.ams_spec import AmsSpec
    from monitor.inference.bundle import Bundle
    from monitor.inference.manifest import WindowCut

RATE = 16_000
"""Samples a second of the stream that the monitor makes for sound classes."""

TIME_CONSTANT_S = 20.0
"""Of the smoothed label, where nobody says."""

_ROUNDING = 1e-4
"""By how much a softmax may leave 0..1."""


class SoundClassifier:
    """Stage: `Window` of amplitude-modulation features -> its `SoundClassReading`.

    The smoothed label is that of a mean whose weights decay exponentially, as for scenes.
    """

    latency = 0

    def __init__(self, bundle: Bundle, time_constant_s: float = TIME_CONSTANT_S) -> None:
        """Raises BundleError when the bundle does not tell sound classes, or needs audio that there is no path to."""
        manifest = bundle.manifest
        scores, spec = manifest.scores, bundle.modulation
        remedy = "Set sound.model to another bundle, or take it out"
        if manifest.task != "sound_class" or scores is None:
            why = f"is a model for `{manifest.task}`, not one that knows sound classes"
            raise BundleError(f"model {manifest.id}", why, remedy)
        if spec is None or spec.rate != RATE:
            taken = manifest.input.kind if spec is None else f"modulation features at {spec.rate} Hz"
            why = f"takes {taken}; sound classes have modulation features at {RATE} Hz"
            raise BundleError(f"model {manifest.id}", why, remedy)
        if scores.role == "logits":
            raise BundleError(f"model {manifest.id}", "gives logits; sound classes need probabilities", remedy)
        self.bundle = bundle
        self.labels: tuple[str, ...] = tuple(bundle.labels)
        self.spec: AmsSpec = spec
        self._output = scores.name
        self._mean = DecayingMean(len(self.labels), samples(time_constant_s))

    @property
    def cut(self) -> WindowCut:
        """Frames of a window, and from one to the next."""
        return self.bundle.manifest.window

    def require_like(self, other: Bundle) -> None:
        """Raises BundleError unless this classifier takes and tells the same as another one."""
        what, named = f"model {self.bundle.manifest.id}", other.manifest.id
        if other.modulation is None or other.modulation.fingerprint != self.spec.fingerprint:
            remedy = f"Gather and send anew, for features as {named} has"
            raise BundleError(what, f"takes features {self.spec.fingerprint}, other ones than {named}", remedy)
        if (self.cut.frames, self.cut.hop) != (other.manifest.window.frames, other.manifest.window.hop):
            raise BundleError(what, f"takes windows of another length than {named}", "Use the classifier that fits")
        if self.labels != tuple(other.labels):
            raise BundleError(what, f"tells other classes than {named}", "Use the classifier that fits")

    def exchange(self, bundle: Bundle) -> None:
        """Tell classes with another model from the next window on; the average goes on, and no window is lost.

        Raises BundleError, and goes on as before, when that one takes or tells something else.
        """
        SoundClassifier(bundle).require_like(self.bundle)
        self.bundle = bundle
        scores = bundle.manifest.scores
        self._output = scores.name if scores else self._output

    def push(self, item: Window) -> Sequence[SoundClassReading]:
        """Raises ValueError for a window of other features, InferenceError when the network fails."""
        if item.spec_id != self.spec.fingerprint:
            raise ValueError(f"{self.bundle.manifest.id} does not take features {item.spec_id}")
        found = self.bundle.run(item.values[None])[self._output][0]
        # Written so that a NaN fails too.
        if not bool(np.all((found >= -_ROUNDING) & (found <= 1.0 + _ROUNDING))):
            raise InferenceError(f"{self.bundle.manifest.id} gave what are no probabilities")
        now = self._ranked(found.astype(np.float64))
        smoothed = self._ranked(self._mean.add(found, item.span.end))
        return [SoundClassReading(item.span, next(iter(now)), now, next(iter(smoothed)), smoothed)]

    def flush(self) -> Sequence[SoundClassReading]:
        """Nothing: nothing is held back."""
        return ()

    def reset(self, at: int) -> None:
        """Forget the average."""
        self._mean.clear()

    def _ranked(self, values: NDArray[np.float64]) -> dict[str, float]:
        """Label -> 0..1, the likeliest first; of equal ones the first label."""
        places: list[int] = np.argsort(-values, kind="stable").tolist()
        return {self.labels[place]: min(1.0, max(0.0, float(values[place]))) for place in places}
