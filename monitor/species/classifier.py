"""Stage that says which of the sounds that a model knows are in a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.clock import samples
from monitor.core.species_readings import SoundKind
from monitor.core.types import ENGINE_RATE, Window
from monitor.errors import BundleError
from monitor.inference.manifest import WindowCut
from monitor.inference.session import InferenceError
from monitor.species.labels import parse_label
from monitor.species.merge import Hit, WindowHits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.core.types import Float32Array, SampleWindow
    from monitor.inference.bundle import Bundle
    from monitor.species.labels import SpeciesLabel

CONFIDENCE = 0.25
"""Probability from which on a label counts where neither the user nor the bundle says."""

BEST = 5
"""Labels that are told of a window, besides the reject class."""

RATES = (16_000, 32_000, ENGINE_RATE)
"""Samples a second that there is a path to."""

SENSITIVITIES = (0.5, 1.5)
"""The least and the highest; at 1 a logit of 0 and its probability of 0.5 are all that matters."""

_LARGEST_LOGIT = 15.0


@dataclass(frozen=True, slots=True)
class ClassifierOptions:
    """What the user chose."""

    overlap_s: float | None = None
    """Seconds that two windows share; None: none where the model takes a waveform, else as the bundle cuts them."""
    sensitivity: float = 1.0
    """Within `SENSITIVITIES`; higher finds more, as in BirdNET's own programs. For models that give logits."""
    confidence: float | None = None
    """Probability from which on a label counts, 0..1; a class's own in the bundle goes first. None: the bundle's."""


class Classifier:
    """Stage: `Window` or `SampleWindow` -> its `WindowHits`.

    Windows are scored one by one, so that results do not depend on how many come together. It keeps nothing.
    """

    latency = 0

    def __init__(
        self, bundle: Bundle, options: ClassifierOptions | None = None, reported: NDArray[np.bool_] | None = None
    ) -> None:
        """`reported`: whether a label is told of, `(labels,)`; None: all are, but the reject class, which never is.

        Raises BundleError when the bundle is no classifier of species, or needs audio that there is no path to.
        """
        options = options or ClassifierOptions()
        manifest = bundle.manifest
        scores = manifest.scores
        if manifest.task != "species" or scores is None:
            why = f"is a model for `{manifest.task}`, not one that knows species"
            raise BundleError(f"model {manifest.id}", why, "Take it out of species.models")
        if manifest.input.kind == "waveform" and manifest.input.rate not in RATES:
            known = ", ".join(str(rate) for rate in RATES)
            why = f"takes audio at {manifest.input.rate} Hz, but there is a path to {known} Hz only"
            raise BundleError(f"model {manifest.id}", why, "Export it for one of those rates")
        self.bundle = bundle
        self.model_id = manifest.id
        self.labels: tuple[SpeciesLabel, ...] = tuple(parse_label(text, manifest.binomials) for text in bundle.labels)
        self._reported = np.ones(len(self.labels), dtype=bool) if reported is None else reported.copy()
        self.cut = _cut(bundle, options.overlap_s)
        """Of the windows that it takes: frames, or samples at `rate`."""
        self._output = scores.name
        self._slope = 2.0 - options.sensitivity if scores.role == "logits" else None
        self._reject = _reject(bundle)
        if self._reject is not None:
            self._reported[self._reject] = False
        self._voices = [place for place, label in enumerate(self.labels) if label.kind is SoundKind.VOICE]
        self._least = _thresholds(bundle, options.confidence)

    @property
    def rate(self) -> int:
        """Samples a second of the audio behind the windows."""
        kind = self.bundle.manifest.input
        return kind.rate if kind.kind == "waveform" else self._spec_rate

    @property
    def window_length(self) -> int:
        """Engine samples of a window."""
        spec = self.bundle.spec
        if spec is None:
            return -(-self.cut.frames * ENGINE_RATE // self.rate)
        return (self.cut.frames - 1) * spec.engine_hop + spec.engine_window

    @property
    def hop_length(self) -> int:
        """Engine samples from a window to the next."""
        spec = self.bundle.spec
        return -(-self.cut.hop * ENGINE_RATE // self.rate) if spec is None else self.cut.hop * spec.engine_hop

    def probabilities(self, window: Float32Array) -> Float32Array:
        """Of each label, float32 `(labels,)`, 0..1, for a window of frames or samples.

        Raises InferenceError when the network fails or gives what is no probability.
        """
        scores = self.bundle.run(window[None])[self._output][0]
        if self._slope is not None:
            # In float64, so that nothing depends on how a library vectorises it.
            clipped = np.clip(scores.astype(np.float64), -_LARGEST_LOGIT, _LARGEST_LOGIT)
            scores = (1.0 / (1.0 + np.exp(-self._slope * clipped))).astype(np.float32)
        # Written so that a NaN fails too; softmax may pass 1 by a rounding.
        if not bool(np.all((scores >= -1e-6) & (scores <= 1.0 + 1e-6))):
            raise InferenceError(f"{self.model_id} gave what are no probabilities")
        return np.clip(scores, 0.0, 1.0)

    def push(self, item: Window | SampleWindow) -> Sequence[WindowHits]:
        """Raises ValueError when the window is of another kind, InferenceError when the network fails."""
        found = self.probabilities(self._values(item))
        counts = (found >= self._least) & self._reported
        if self._reject is not None:
            counts &= found > found[self._reject]
        counted = np.flatnonzero(counts)
        # Of equal ones the first label comes first, on every machine.
        places: list[int] = counted[np.argsort(-found[counted], kind="stable")].tolist()
        hits = tuple(Hit(self.labels[place], float(found[place])) for place in places)
        voice = max((float(found[place]) for place in self._voices), default=0.0)
        return [WindowHits(item.span, hits, self._best(found), voice)]

    def flush(self) -> Sequence[WindowHits]:
        """Nothing: nothing is held."""
        return ()

    def reset(self, at: int) -> None:
        """Nothing to forget."""

    @property
    def _spec_rate(self) -> int:
        if self.bundle.spec is None:
            raise ValueError(f"{self.model_id} takes features, but its bundle has no spec")
        return self.bundle.spec.rate

    def _values(self, item: Window | SampleWindow) -> Float32Array:
        spec = self.bundle.spec
        if isinstance(item, Window):
            if spec is None or item.spec_id != spec.fingerprint:
                raise ValueError(f"{self.model_id} does not take features {item.spec_id}")
            return item.values
        if spec is not None or item.rate != self.rate:
            raise ValueError(f"{self.model_id} does not take audio at {item.rate} Hz")
        return item.samples

    def _best(self, found: Float32Array) -> tuple[tuple[str, float], ...]:
        places: list[int] = np.argsort(-found, kind="stable")[:BEST].tolist()
        if self._reject is not None and self._reject not in places:
            places.append(self._reject)
        return tuple((self.labels[place].text, float(found[place])) for place in places)


def _cut(bundle: Bundle, overlap_s: float | None) -> WindowCut:
    """As the bundle says, or with another hop. Raises BundleError when windows would not advance."""
    cut = bundle.manifest.window
    if overlap_s is None:
        # BirdNET's own default; the hop of such a bundle is made for its embedding.
        return cut if bundle.spec else WindowCut(cut.frames, cut.frames)
    spec, kind = bundle.spec, bundle.manifest.input
    step = spec.engine_hop if spec else ENGINE_RATE // (kind.rate if kind.kind == "waveform" else ENGINE_RATE)
    hop = cut.frames - round(samples(overlap_s) / step)
    if hop < 1:
        length_s = cut.frames * step / ENGINE_RATE
        why = f"its windows have {length_s:.2f} s and cannot overlap by {overlap_s:g} s"
        raise BundleError(f"model {bundle.manifest.id}", why, "Set species.overlap_s to less")
    return WindowCut(cut.frames, hop)


def _reject(bundle: Bundle) -> int | None:
    """Place of the reject class."""
    name = bundle.manifest.reject
    if name is None:
        return None
    if name not in bundle.labels:
        why = f"its reject class `{name}` is not among its labels"
        raise BundleError(f"model {bundle.manifest.id}", why, "Put the original files back")
    return bundle.labels.index(name)


def _thresholds(bundle: Bundle, confidence: float | None) -> Float32Array:
    """Probability from which on each label counts, float32 `(labels,)`."""
    own = {name: threshold.value for name, threshold in bundle.manifest.thresholds.items()}
    general = own.get("confidence", CONFIDENCE) if confidence is None else confidence
    return np.array([own.get(text, general) for text in bundle.labels], dtype=np.float32)
