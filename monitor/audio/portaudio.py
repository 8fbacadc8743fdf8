"""PortAudio, through sounddevice: the parts that we use, typed, loaded when needed, errors in the user's words.

A computer without PortAudio can do everything but capture; that is why nothing else imports sounddevice.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast

from monitor.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import numpy as np
    from numpy.typing import NDArray

INVALID_SAMPLE_RATE = -9997
INVALID_CHANNELS = -9998
INVALID_DEVICE = -9996
DEVICE_UNAVAILABLE = -9985


class InputStream(Protocol):
    """An open microphone."""

    @property
    def samplerate(self) -> float:
        """Frames a second, as PortAudio sees them."""
        ...

    @property
    def active(self) -> bool:
        """Whether the callback is being called."""
        ...

    def start(self) -> None:
        """Let the callback be called."""
        ...

    def abort(self) -> None:
        """Stop at once."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


class OutputStream(Protocol):
    """An open loudspeaker."""

    def start(self) -> None:
        """Let it sound."""
        ...

    def write(self, data: NDArray[np.float32]) -> bool:
        """Hand over `(n, channels)`; waits while its buffer is full."""
        ...

    def stop(self) -> None:
        """Wait until everything was heard."""
        ...

    def abort(self) -> None:
        """Stop at once."""
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


class PortAudio(Protocol):
    """The module `sounddevice`."""

    PortAudioError: type[Exception]
    InputStream: Callable[..., InputStream]
    OutputStream: Callable[..., OutputStream]
    default: Any

    def query_devices(self) -> list[dict[str, Any]]:
        """All devices."""
        ...

    def query_hostapis(self) -> tuple[dict[str, Any], ...]:
        """All host interfaces, such as ALSA."""
        ...

    def check_input_settings(
        self, device: int | None = None, channels: int | None = None, dtype: str | None = None, samplerate: int = 0
    ) -> None:
        """Raise PortAudioError when the device cannot be opened so."""
        ...


def load(what: str = "microphone") -> PortAudio:
    """Import sounddevice; DeviceError about `what` when PortAudio is not installed or does not start."""
    try:
        import sounddevice  # pyright: ignore[reportMissingTypeStubs]
    except OSError as fault:
        raise DeviceError(what, f"PortAudio cannot be used ({fault})", _how_to_install()) from fault
    except Exception as fault:
        if type(fault).__name__ != "PortAudioError":
            raise
        raise DeviceError(what, f"PortAudio does not start ({fault})", "Check the sound system.") from fault
    return cast("PortAudio", sounddevice)


def _how_to_install() -> str:
    if sys.platform == "linux":
        return "Install it: sudo apt install libportaudio2"
    if sys.platform == "darwin":
        return "Install it: brew install portaudio"
    return "Install sounddevice again: its Windows package contains PortAudio."


def error_code(fault: Exception) -> int:
    """PortAudio's number for what went wrong, 0 when there is none."""
    numbers = [argument for argument in fault.args if isinstance(argument, int)]
    return numbers[0] if numbers else 0


def device_error(name: str, fault: Exception, said: str = "") -> DeviceError:
    """What a failure to open `name` means; `said` is what the sound system wrote about it."""
    code = error_code(fault)
    if code == DEVICE_UNAVAILABLE:
        why, remedy = "the device is busy or not there any more", "Close the program that uses it, or plug it in again."
    elif code == INVALID_DEVICE:
        why, remedy = "the device is not there any more", "Plug it in again; see `auricle devices`."
    elif code == INVALID_CHANNELS:
        why, remedy = "it does not have that channel", "Choose another one with --channel; see `auricle devices`."
    elif code == INVALID_SAMPLE_RATE:
        why, remedy = "it has no sample rate that we can use", "See `auricle devices` for the rates that it offers."
    else:
        why, remedy = f"it cannot be opened ({fault.args[0] if fault.args else fault})", "See `auricle devices`."
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return DeviceError(f"microphone {name!r}", f"{why}; {lines[-1]}" if lines else why, remedy)


@contextmanager
def standard_error_aside() -> Generator[Callable[[], str]]:
    """Keep what C libraries write to standard error off the screen; the value reads it. For the start only.

    ALSA writes there about every device that it tries, whether or not that is a fault.
    """
    with tempfile.TemporaryFile() as aside:

        def written() -> str:
            aside.seek(0)
            return aside.read().decode(errors="replace")

        sys.stderr.flush()
        try:
            kept = os.dup(2)
        except OSError:  # no standard error at all: nothing to keep off
            yield written
            return
        os.dup2(aside.fileno(), 2)
        try:
            yield written
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
