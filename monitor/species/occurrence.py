"""Where and when a species is to be expected: BirdNET's model of occurrence, trained on eBird checklists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import BundleError, UsageError

if TYPE_CHECKING:
    from monitor.core.types import Float32Array
    from monitor.inference.bundle import Bundle

WEEKS = 48
"""In a year of the model: four in each month."""

PURPOSE = "occurrence"
"""What a bundle's file is for that holds such a model."""

_WHOLE_YEAR = -1.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when a microphone listens. Raises UsageError when that is nowhere or never."""

    latitude: float
    """Degrees, north is above 0, -90..90."""
    longitude: float
    """Degrees, east is above 0, -180..180."""
    week: int | None = None
    """1..`WEEKS`; None: any time of the year."""

    def __post_init__(self) -> None:
        for name, value, most in (("latitude", self.latitude, 90), ("longitude", self.longitude, 180)):
            # Written so that a NaN fails too.
            if not -most <= value <= most:
                raise UsageError(
                    f"{name} {value:g}", f"there is none beyond {most}", f"Give degrees, -{most} to {most}"
                )
        if self.week is not None and not 1 <= self.week <= WEEKS:
            why = f"a year has {WEEKS} weeks here, four in each month"
            raise UsageError(f"week {self.week}", why, f"Give 1 to {WEEKS}, or none for the whole year")


class Occurrence:
    """Probability of each of a classifier's labels at a place."""

    def __init__(self, bundle: Bundle) -> None:
        """Raises BundleError when the bundle has no such model, or one that does not fit its labels."""
        self._session = bundle.extra_session(PURPOSE)
        inputs, outputs = self._session.inputs, self._session.outputs
        fits = len(inputs) == len(outputs) == 1 and inputs[0].shape == (None, 3)
        if not fits or outputs[0].shape != (None, len(bundle.labels)):
            why = f"`{PURPOSE}` must take latitude, longitude and week and give one value for each label"
            raise BundleError(f"model {bundle.manifest.id}", why, "Import the model again")
        self._input, self._output = inputs[0].name, outputs[0].name

    def probabilities(self, place: Place) -> Float32Array:
        """float32 `(labels,)`, 0..1. Raises InferenceError when the network fails."""
        week = _WHOLE_YEAR if place.week is None else float(place.week)
        values = np.array([[place.latitude, place.longitude, week]], dtype=np.float32)
        return self._session.run({self._input: values})[self._output][0]


def has_occurrence(bundle: Bundle) -> bool:
    """Whether a classifier knows where its species occur."""
    return PURPOSE in (bundle.manifest.files or {})
