"""Plays a stretch of sound through the loudspeaker of this computer, or writes it to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soundfile

from monitor.audio import portaudio
from monitor.errors import DeviceError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.core.types import Float32Array

STEP_S = 0.1
"""Seconds that are handed over at a time: how long stopping may take."""

LOUDEST = 10.0 ** (-3.0 / 20.0)
"""Peak to which sounds are raised or lowered together, -3 dBFS."""

MOST_GAIN = 10.0 ** (60.0 / 20.0)
"""What is nearly silent stays so: at most 60 dB are added."""


def play(samples: Float32Array, rate: int, stopped: Callable[[], bool] = lambda: False) -> None:
    """Play float32 `(n,)`, full scale +-1, to its end or until it is to stop; comes back when it was heard.

    Raises DeviceError when this computer has no loudspeaker, or it cannot be used.
    """
    audio = portaudio.load("loudspeaker")
    with portaudio.standard_error_aside() as said:
        try:
            channels = _channels(audio)
            stream = audio.OutputStream(samplerate=rate, channels=channels, dtype="float32")
            stream.start()
        except audio.PortAudioError as fault:
            raise _refused(fault, said()) from fault
    try:
        step = max(1, round(STEP_S * rate))
        for start in range(0, len(samples), step):
            if stopped():
                stream.abort()
                return
            stream.write(np.repeat(samples[start : start + step, None], channels, axis=1))
        stream.stop()
    except audio.PortAudioError as fault:
        raise _refused(fault) from fault
    finally:
        stream.close()


def write(path: Path, samples: Float32Array, rate: int) -> None:
    """Write float32 `(n,)` as what the name says, such as .wav or .flac. Raises StoreError when that cannot be."""
    try:
        soundfile.write(path, samples, rate)
    except (OSError, soundfile.SoundFileError, TypeError, ValueError) as fault:
        remedy = "Choose a place that can be written, and a name that ends with .wav or .flac"
        raise StoreError(f"file {path}", f"cannot be written ({fault})", remedy) from fault


def common_gain(*sounds: Float32Array) -> float:
    """By which several sounds can be heard well and still be compared: one gain for all, for their highest peak."""
    peak = max((float(np.abs(sound).max(initial=0.0)) for sound in sounds), default=0.0)
    return min(LOUDEST / peak, MOST_GAIN) if peak > 0.0 else 1.0


def _channels(audio: portaudio.PortAudio) -> int:
    """To open the default output with: two, as most have; one where there is but one. Raises DeviceError."""
    number = int(audio.default.device[1])
    devices = audio.query_devices()
    if not 0 <= number < len(devices):
        raise _no_loudspeaker()
    most = int(devices[number]["max_output_channels"])
    if most < 1:
        raise _no_loudspeaker()
    return min(2, most)


def _no_loudspeaker() -> DeviceError:
    return DeviceError("loudspeaker", "this computer has none that could be used", "Connect one, or write to a file")


def _refused(fault: Exception, said: str = "") -> DeviceError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    why = f"it cannot be used ({fault.args[0] if fault.args else fault})"
    return DeviceError("loudspeaker", f"{why}; {lines[-1]}" if lines else why, "Check the sound system's output")
