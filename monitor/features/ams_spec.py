"""What defines amplitude-modulation features: every number that training and monitor must agree on.

The paper (Koppelman et al., personalized acoustic scene classification in ultra-low power embedded devices, 2023) says
only: nine values every two seconds, from two banks of recursive filters with optimised bandwidths. The choice made
here: three audio bands, the envelope of each, three modulation bands of each envelope, the power of each over two
seconds.
"""

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

AMS_VERSION = 1
"""Raised whenever the filters give other numbers for the same spec; part of every fingerprint."""

Envelope = Literal["magnitude", "power"]

CHUNKS = 4
"""Parts of a frame that are filtered at a time."""

_INTEGERS = ("rate", "hop", "decimation", "audio_order", "modulation_order")
_CUTS = ("audio_low_hz", "audio_high_hz", "modulation_low_hz", "modulation_high_hz")


@dataclass(frozen=True)
class AmsSpec:
    """Amplitude-modulation features. Frame i covers samples `[i*hop, (i+1)*hop)`, causal and never padded.

    Each audio band is a Butterworth band-pass; its envelope is averaged over `decimation` samples; each modulation
    band is a Butterworth band-pass of that (low-pass where it begins at 0 Hz). A value is the level of such an
    output in dB: 10 log10 of its mean square, of its root where the envelope is a power, so that a gain of the sound
    moves all values by as much. Raises ValueError, naming every fault at once, when the numbers do not fit together.
    """

    name: str
    """Such as `ams`; not part of the fingerprint."""
    audio_low_hz: tuple[float, ...]
    """Lower cut-offs (-3 dB) of the audio bands, above 0."""
    audio_high_hz: tuple[float, ...]
    """Upper cut-offs, below half the rate."""
    modulation_low_hz: tuple[float, ...]
    """Lower cut-offs of the modulation bands; 0 keeps the mean of the envelope."""
    modulation_high_hz: tuple[float, ...]
    """Upper cut-offs, below half the rate of the envelope."""
    rate: int = 16_000
    """Samples a second."""
    hop: int = 32_000
    """Samples of a frame."""
    audio_order: int = 2
    """Of the band-passes: as many pairs of poles."""
    modulation_order: int = 1
    """Of the band-passes as pairs of poles, of the low-pass as twice as many poles."""
    decimation: int = 20
    """Samples of which one value of the envelope is the mean."""
    envelope: Envelope = "magnitude"
    """Absolute value or square of the band's signal."""
    floor: float = 1e-12
    """Added before the logarithm."""

    def __post_init__(self) -> None:
        faults = _faults(asdict(self))
        if faults:
            raise ValueError(f"feature spec {self.name!r}: " + "; ".join(faults))

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits; equal exactly when two front-ends give the same numbers."""
        content = {key: value for key, value in self.to_dict().items() if key != "name"}
        canonical = json.dumps({"ams": AMS_VERSION, "spec": content}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    @property
    def bands(self) -> int:
        """Values of a frame: modulation bands of the first audio band, then of the next."""
        return len(self.audio_low_hz) * len(self.modulation_low_hz)

    @property
    def engine_hop(self) -> int:
        """Engine samples between frames."""
        return self.hop * ENGINE_RATE // self.rate

    @property
    def engine_window(self) -> int:
        """Engine samples of a frame: a hop, for frames do not overlap."""
        return self.engine_hop

    def frames_in(self, samples: int) -> int:
        """Whole frames in that many samples from a grid point on."""
        return max(samples, 0) // self.hop

    def samples_in(self, frames: int) -> int:
        """Samples that so many consecutive frames cover."""
        return max(frames, 0) * self.hop

    def to_dict(self) -> dict[str, str | int | float | tuple[float, ...]]:
        """Plain values, ready for JSON."""
        values: dict[str, str | int | float | tuple[float, ...]] = asdict(self)
        cuts = {key: tuple(float(cut) for cut in cast("tuple[float, ...]", values[key])) for key in _CUTS}
        return values | cuts | {"floor": float(self.floor)}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> AmsSpec:
        """The spec that `to_dict` gave. Every field is required.

        Raises ValueError, naming all unknown, missing and wrong keys at once.
        """
        known = [field.name for field in fields(cls)]
        faults = [f"unknown key {key!r}" for key in values if key not in known]
        faults += [f"missing key {key!r}" for key in known if key not in values]
        plain = {
            key: tuple(cast("list[object]", value)) if isinstance(value, list) else value
            for key, value in values.items()
        }
        faults += _faults(plain)
        if faults:
            raise ValueError("feature spec: " + "; ".join(faults))
        return cls(**plain)  # pyright: ignore[reportArgumentType] checked above


def _faults(values: Mapping[str, object]) -> list[str]:
    """Everything wrong with the values that are there; absent keys are passed over."""
    faults: list[str] = []
    name = values.get("name", "absent")
    if not isinstance(name, str) or not name:
        faults.append(f"name must be text, got {name!r}")
    if values.get("envelope", "power") not in ("magnitude", "power"):
        faults.append(f"envelope must be one of magnitude, power, got {values['envelope']!r}")
    integers: dict[str, int] = {}
    for key in _INTEGERS:
        value = values.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            integers[key] = value
        elif key in values:
            faults.append(f"{key} must be a whole number above 0, got {value!r}")
    floor = values.get("floor", 1.0)
    if not isinstance(floor, int | float) or isinstance(floor, bool) or not isfinite(floor) or floor <= 0:
        faults.append(f"floor must be a number above 0, got {floor!r}")
    cuts: dict[str, tuple[float, ...]] = {}
    for key in _CUTS:
        value = values.get(key)
        if isinstance(value, tuple) and value and all(_number(cut) for cut in cast("tuple[object, ...]", value)):
            cuts[key] = cast("tuple[float, ...]", value)
        elif key in values:
            faults.append(f"{key} must be a list of numbers, got {value!r}")
    if len(integers) == len(_INTEGERS):
        faults += _grid_faults(integers)
        if len(cuts) == len(_CUTS):
            rate, slow = integers["rate"] / 2, integers["rate"] / integers["decimation"] / 2
            faults += _band_faults("audio", cuts["audio_low_hz"], cuts["audio_high_hz"], rate, from_zero=False)
            faults += _band_faults(
                "modulation", cuts["modulation_low_hz"], cuts["modulation_high_hz"], slow, from_zero=True
            )
    return faults


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _grid_faults(integers: dict[str, int]) -> list[str]:
    faults: list[str] = []
    if integers["hop"] * ENGINE_RATE % integers["rate"]:
        faults.append(f"hop {integers['hop']} at {integers['rate']} Hz is no whole number of engine samples")
    if integers["hop"] % (CHUNKS * integers["decimation"]):
        faults.append(f"hop {integers['hop']} is no multiple of {CHUNKS} times decimation {integers['decimation']}")
    return faults


def _band_faults(
    what: str, low: tuple[float, ...], high: tuple[float, ...], top: float, *, from_zero: bool
) -> list[str]:
    if len(low) != len(high):
        return [f"{what} bands have {len(low)} lower and {len(high)} upper cut-offs"]
    least = "0 <=" if from_zero else "0 <"
    return [
        f"{what} band {number}: need {least} low < high < {top:g}, got {a:g}..{b:g}"
        for number, (a, b) in enumerate(zip(low, high, strict=True), 1)
        if not (a < b < top and (a > 0 or (from_zero and a == 0)))
    ]


AMS_PLAIN = AmsSpec("ams", (100.0, 500.0, 2_000.0), (500.0, 2_000.0, 7_000.0), (0.0, 2.0, 8.0), (2.0, 8.0, 32.0))
"""The plain bank: octave-like audio bands; the envelope's mean, the pace of syllables, roughness."""

AMS_OPTIMISED = AmsSpec("ams", (62.5, 500.0, 500.0), (88.39, 707.1, 2_000.0), (0.0, 2.0, 16.0), (2.0, 4.0, 32.0))
"""What the search of `configs/training/sound/default.toml` found, and the shipped bundle has: hum; where voices are
strongest, narrow and wide; the envelope's mean, the pace of syllables, roughness."""
