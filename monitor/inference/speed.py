"""Whether a model keeps up with the sound that it is to hear."""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from monitor.inference.bundle import Bundle

TRIES = 3
"""Runs of which the quickest counts."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Of a model on this machine."""

    window_s: float
    """Processor seconds that a window takes."""
    sound_s: float
    """Seconds of sound from one window to the next, as the model is run by default."""

    @property
    def keeps_up(self) -> bool:
        """Whether it is done with a window before the next one comes."""
        return self.window_s < self.sound_s


def measured_speed(bundle: Bundle) -> Speed:
    """Of windows of quiet noise, in processor time: a busy machine disturbs it less than a clock would.

    Raises InferenceError when the network fails.
    """
    manifest, spec = bundle.manifest, bundle.spec
    entry, cut = manifest.inputs[0], manifest.window
    shape = (1, *(size or 1 for size in entry.shape[1:]))
    window = np.random.default_rng(0).normal(0.0, 0.01, shape).astype(np.float32)
    costs: list[float] = []
    for _ in range(TRIES):
        began = process_time()
        bundle.session.run({entry.name: window})
        costs.append(process_time() - began)
    # Windows of a classifier on sound do not overlap unless the settings say so; the hop is for its embedding.
    step = cut.frames if manifest.task == "species" and spec is None else cut.hop
    unit_s = spec.hop / spec.rate if spec else 1.0 / _rate(bundle)
    return Speed(min(costs), step * unit_s)


def _rate(bundle: Bundle) -> int:
    kind = bundle.manifest.input
    if kind.kind != "waveform":
        raise ValueError(f"{bundle.manifest.id} takes {kind.kind}, not sound")
    return kind.rate
