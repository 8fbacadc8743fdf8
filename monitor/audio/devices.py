"""Which microphones there are, choosing one by its name, and whether it hears anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.audio import portaudio
from monitor.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.types import Float32Array

PROBED_RATES = (8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000)
MOST_CHANNELS = 8
CLIPPED_AT = 32_767 / 32_768
"""Absolute sample from which on it counts as clipped: the largest that 16 bits can hold."""
SILENT_BELOW_DBFS = -80.0
"""Peak below which a microphone counts as silent; a live one has more noise of its own."""

_FLOOR_DBFS = -120.0


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A microphone, or whatever else sound can come from."""

    name: str
    host_api: str
    """Such as `ALSA` or `Core Audio`."""
    channels: int
    """Most channels that it can be opened with, 1 or more."""
    default_rate: int
    """Its own samples a second."""
    default: bool
    """Whether the system takes this one unless told otherwise."""
    number: int
    """PortAudio's number of it; valid in this process only."""
    rates: tuple[int, ...] = ()
    """Those of `PROBED_RATES` that it takes; empty when they were not asked for."""

    @property
    def full_name(self) -> str:
        """Name and host interface, for when several devices share a name."""
        return f"{self.name}, {self.host_api}"


def input_devices(probe_rates: bool = False) -> list[InputDevice]:
    """All microphones; DeviceError without PortAudio. `probe_rates` opens each several times, which takes a moment."""
    audio = portaudio.load()
    devices: list[InputDevice] = []
    with portaudio.standard_error_aside():
        interfaces = audio.query_hostapis()
        default = _default_number(audio)
        for number, found in enumerate(audio.query_devices()):
            channels = int(found["max_input_channels"])
            if channels < 1:
                continue
            devices.append(
                InputDevice(
                    name=str(found["name"]),
                    host_api=str(interfaces[int(found["hostapi"])]["name"]),
                    channels=channels,
                    default_rate=round(float(found["default_samplerate"])),
                    default=number == default,
                    number=number,
                    rates=tuple(rate for rate in PROBED_RATES if accepts(number, 1, rate)) if probe_rates else (),
                )
            )
    return devices


def _default_number(audio: portaudio.PortAudio) -> int:
    """PortAudio's number of the default microphone, -1 without one."""
    return int(audio.default.device[0])


def accepts(number: int, channels: int, rate: int) -> bool:
    """Whether the device can be opened with this many channels at this rate."""
    audio = portaudio.load()
    try:
        audio.check_input_settings(device=number, channels=channels, dtype="float32", samplerate=rate)
    except audio.PortAudioError:
        return False
    return True


def choose_device(wanted: str, devices: Sequence[InputDevice]) -> InputDevice:
    """The microphone that `wanted` names: in full, else as a part (upper and lower case alike) that fits one only.

    Empty means the system's default. Never a number: those change when something is plugged in. DeviceError when none
    or several fit; it lists them.
    """
    wanted = wanted.strip()
    if not devices:
        raise DeviceError(
            f"microphone {wanted!r}" if wanted else "microphone",
            "this computer has none that can be used now",
            "Plug one in, or close the program that holds it; `auricle devices` lists what there is.",
        )
    if not wanted:
        default = [device for device in devices if device.default]
        if not default:
            raise DeviceError(
                "microphone",
                f"the system has no default one; there are {_listed(devices)}",
                "Name one with --device, or set it as `device` under `[capture]`.",
            )
        return default[0]
    lower = wanted.casefold()
    for fits in (
        [device for device in devices if wanted in (device.name, device.full_name)],
        [device for device in devices if lower in device.full_name.casefold()],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise DeviceError(
                f"microphone {wanted!r}",
                f"the name fits {len(fits)}: {_listed(fits)}",
                "Write more of the name of the one that you mean.",
            )
    raise DeviceError(
        f"microphone {wanted!r}",
        f"there is none of this name; there are {_listed(devices)}",
        "Write one of these, or a part of it (never a number). One that another program holds can be missing here.",
    )


def _listed(devices: Sequence[InputDevice]) -> str:
    return "; ".join(repr(device.full_name) for device in devices)


@dataclass(frozen=True, slots=True)
class ChannelLevel:
    """How loud one channel of a microphone was during the test."""

    channel: int
    """From 1, as `--channel` takes it."""
    rms_dbfs: float
    """Root mean square, dB relative to a full-scale sine, never below -120."""
    peak_dbfs: float
    """Largest absolute sample, dB relative to 1.0, never below -120."""
    clipped: int
    """Samples at or above full scale."""

    @property
    def verdict(self) -> str:
        """`silent`, `clipping` or `ok`."""
        if self.clipped:
            return "clipping"
        return "silent" if self.peak_dbfs < SILENT_BELOW_DBFS else "ok"

    @property
    def advice(self) -> str:
        """The verdict in the user's words, with what to do."""
        return {
            "clipping": "clipping: too loud, turn the input level down",
            "silent": "silent: muted, unplugged, turned down, or another channel",
            "ok": "ok",
        }[self.verdict]


def channel_levels(samples: Float32Array) -> list[ChannelLevel]:
    """The level of each channel of float32 `(n, channels)`, n at least 1; non-finite samples count as clipped."""
    levels: list[ChannelLevel] = []
    for number, channel in enumerate(samples.T, start=1):
        finite = np.where(np.isfinite(channel), channel, 0.0).astype(np.float64)
        power = 2.0 * float(np.mean(np.square(finite)))
        peak = float(np.max(np.abs(finite)))
        clipped = int(np.count_nonzero(~(np.abs(channel) < CLIPPED_AT)))
        levels.append(ChannelLevel(number, _decibels(power, 10.0), _decibels(peak, 20.0), clipped))
    return levels


def _decibels(ratio: float, factor: float) -> float:
    return max(_FLOOR_DBFS, factor * float(np.log10(ratio))) if ratio > 0.0 else _FLOOR_DBFS
