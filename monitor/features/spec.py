"""What defines a front-end: every number that training and monitor must agree on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Literal, cast

from monitor.core.types import ENGINE_RATE

if TYPE_CHECKING:
    from collections.abc import Mapping

KERNEL_VERSION = 1
"""Raised whenever the kernel gives other numbers for the same spec; part of every fingerprint."""

MelScale = Literal["htk", "slaney", "kaldi"]
WindowShape = Literal["hann", "hann_symmetric"]
Compression = Literal["db", "log"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "scale": ("htk", "slaney", "kaldi"),
    "shape": ("hann", "hann_symmetric"),
    "compression": ("db", "log"),
}
_INTEGERS = ("rate", "fft", "window", "hop", "bands")
_NUMBERS = ("low_hz", "high_hz", "pre_emphasis", "floor")


@dataclass(frozen=True)
class FeatureSpec:
    """A log-mel front-end. Frame i covers samples `[i*hop, i*hop + window)`, causal and never padded.

    Raises ValueError, naming every fault at once, when the numbers do not fit together.
    """

    name: str
    """Such as `bird`; not part of the fingerprint."""
    rate: int
    """Samples a second."""
    fft: int
    """Points of the transform, `window` or more; the rest is zeros."""
    window: int
    """Samples of a frame."""
    hop: int
    """Samples between frames; it and `window` are whole numbers of engine samples."""
    bands: int
    """Mel filters."""
    scale: MelScale
    """`htk`; `slaney` (area-normalised); `kaldi` (triangles in the mel domain)."""
    low_hz: float
    """Lower edge of the first band."""
    high_hz: float
    """Upper edge of the last band, at most half the rate."""
    shape: WindowShape = "hann"
    """`hann` is periodic. Both begin with 0, so the sample before a frame never matters to pre-emphasis."""
    pre_emphasis: float = 0.0
    """a in y[n] = x[n] - a x[n-1], 0..1 (1 excluded)."""
    compression: Compression = "db"
    """`db`: 10 log10, 0 dB = power of a full-scale sine, (sum of the window / 2)^2; `log`: natural log of raw power."""
    floor: float = 1e-9
    """`db`: smallest power kept, relative to a full-scale sine; `log`: power added before the log."""

    def __post_init__(self) -> None:
        faults = _faults(asdict(self))
        if faults:
            raise ValueError(f"feature spec {self.name!r}: " + "; ".join(faults))

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits; equal exactly when two front-ends give the same numbers."""
        content = {key: value for key, value in self.to_dict().items() if key != "name"}
        canonical = json.dumps({"kernel": KERNEL_VERSION, "spec": content}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    @property
    def engine_hop(self) -> int:
        """Engine samples between frames."""
        return self.hop * ENGINE_RATE // self.rate

    @property
    def engine_window(self) -> int:
        """Engine samples of a frame."""
        return self.window * ENGINE_RATE // self.rate

    def frames_in(self, samples: int) -> int:
        """Whole frames in that many samples from a grid point on."""
        return 0 if samples < self.window else (samples - self.window) // self.hop + 1

    def samples_in(self, frames: int) -> int:
        """Samples that so many consecutive frames cover."""
        return 0 if frames <= 0 else (frames - 1) * self.hop + self.window

    def to_dict(self) -> dict[str, str | int | float]:
        """Plain values, ready for JSON."""
        values: dict[str, str | int | float] = asdict(self)
        return values | {key: float(values[key]) for key in _NUMBERS}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> FeatureSpec:
        """The spec that `to_dict` gave. Every field is required.

        Raises ValueError, naming all unknown, missing and wrong keys at once.
        """
        known = [field.name for field in fields(cls)]
        faults = [f"unknown key {key!r}" for key in values if key not in known]
        faults += [f"missing key {key!r}" for key in known if key not in values]
        faults += _faults(values)
        if faults:
            raise ValueError("feature spec: " + "; ".join(faults))
        numbers = {key: float(cast("float", values[key])) for key in _NUMBERS}
        return cls(**cast("dict[str, str]", dict(values) | numbers))  # pyright: ignore[reportArgumentType] checked above


def _faults(values: Mapping[str, object]) -> list[str]:
    """Everything wrong with the values that are there; absent keys are passed over."""
    faults: list[str] = []
    name = values.get("name", "absent")
    if not isinstance(name, str) or not name:
        faults.append(f"name must be text, got {name!r}")
    for key, choices in _CHOICES.items():
        if key in values and values[key] not in choices:
            faults.append(f"{key} must be one of {', '.join(choices)}, got {values[key]!r}")
    integers: dict[str, int] = {}
    for key in _INTEGERS:
        value = values.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            integers[key] = value
        elif key in values:
            faults.append(f"{key} must be a whole number above 0, got {value!r}")
    numbers: dict[str, float] = {}
    for key in _NUMBERS:
        value = values.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            numbers[key] = float(value)
        elif key in values:
            faults.append(f"{key} must be a number, got {value!r}")
    return faults + _grid_faults(integers) + _range_faults(integers, numbers)


def _grid_faults(integers: dict[str, int]) -> list[str]:
    faults: list[str] = []
    if "fft" in integers and "window" in integers and integers["window"] > integers["fft"]:
        faults.append(f"window {integers['window']} is longer than fft {integers['fft']}")
    if "rate" in integers:
        faults += [
            f"{key} {integers[key]} at {integers['rate']} Hz is no whole number of engine samples"
            for key in ("window", "hop")
            if key in integers and integers[key] * ENGINE_RATE % integers["rate"]
        ]
    return faults


def _range_faults(integers: dict[str, int], numbers: dict[str, float]) -> list[str]:
    faults: list[str] = []
    if "low_hz" in numbers and "high_hz" in numbers and not 0 <= numbers["low_hz"] < numbers["high_hz"]:
        faults.append(f"need 0 <= low_hz < high_hz, got {numbers['low_hz']:g}..{numbers['high_hz']:g}")
    if "high_hz" in numbers and "rate" in integers and numbers["high_hz"] > integers["rate"] / 2:
        faults.append(f"high_hz {numbers['high_hz']:g} is above half the rate")
    if "pre_emphasis" in numbers and not 0 <= numbers["pre_emphasis"] < 1:
        faults.append(f"pre_emphasis must be within 0..1 (1 excluded), got {numbers['pre_emphasis']:g}")
    if "floor" in numbers and numbers["floor"] <= 0:
        faults.append(f"floor must be above 0, got {numbers['floor']:g}")
    return faults


BIRD = FeatureSpec("bird", 16_000, 1024, 1024, 320, 128, "htk", 50.0, 8_000.0)
"""Gate and encoder share it."""

MACHINE = FeatureSpec("machine", 16_000, 2048, 2048, 256, 224, "htk", 50.0, 7_800.0)
"""Anomalous machine sound."""

SCENE = FeatureSpec("scene", 32_000, 2048, 2000, 500, 256, "kaldi", 0.0, 16_000.0, "hann_symmetric", 0.97, "log", 1e-5)
"""Acoustic scenes."""

SPECIES = FeatureSpec("species", 16_000, 1024, 1024, 320, 64, "slaney", 10.0, 8_000.0)
"""Closed-set species."""
