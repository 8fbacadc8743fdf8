"""A microphone, opened: its frames go into a ring, and a watchdog on the frames says whether it still hears."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from monitor.audio import portaudio
from monitor.audio.devices import MOST_CHANNELS, InputDevice, accepts, channel_levels, choose_device, input_devices
from monitor.audio.intake import Intake
from monitor.core.clock import NANOSECONDS
from monitor.core.events import SourceCondition
from monitor.core.types import ENGINE_RATE
from monitor.errors import DeviceError

if TYPE_CHECKING:
    from monitor.audio.devices import ChannelLevel

__all__ = ["Capture", "DeviceLostError", "Watchdog", "input_devices", "measure_levels"]

LATENCY_S = 0.2
"""Seconds of frames that the device's own buffer should hold: what the callback may be late without losing any."""
FIRST_FRAME_S = 6.0
"""Seconds that a device may take to deliver its first frame; some take over one."""
ABSENT_NS = NANOSECONDS // 2
"""Nobody looked for longer than that: it was we who were away."""
_STOP_S = 2.0


class DeviceLostError(DeviceError):
    """A microphone that was listening stopped for good; a new process may find it again."""

    exit_code = 1


class Watchdog:
    """Judges a source by the frames that it delivers, not by whether somebody is there.

    Stalled after a third of `lost_after_s` without a frame, lost after all of it. Time in which nobody looked (this
    process was frozen, or the computer asleep) says nothing about the source and does not count.
    """

    def __init__(self, lost_after_s: float, now_ns: int, first_frame_s: float = FIRST_FRAME_S) -> None:
        self._lost_after_ns = round(lost_after_s * NANOSECONDS)
        self._first_frame_ns = max(self._lost_after_ns, round(first_frame_s * NANOSECONDS))
        self._frames: int = 0
        self._heard_ns: int = now_ns
        self._looked_ns: int = now_ns

    def judge(self, frames: int, now_ns: int) -> SourceCondition:
        """What the source is doing, given all frames so far and a clock that never steps; to be asked often."""
        absent_ns = now_ns - self._looked_ns
        self._looked_ns = now_ns
        if absent_ns > ABSENT_NS:
            self._heard_ns += absent_ns
        if frames != self._frames:
            self._frames, self._heard_ns = frames, now_ns
        silent_ns = now_ns - self._heard_ns
        if not self._frames:
            return SourceCondition.LOST if silent_ns >= self._first_frame_ns else SourceCondition.STARTING
        if silent_ns >= self._lost_after_ns:
            return SourceCondition.LOST
        return SourceCondition.STALLED if 3 * silent_ns >= self._lost_after_ns else SourceCondition.LISTENING


class Capture:
    """One microphone; `intake` is where its frames arrive.

    `channel` counts from 1; None keeps all channels (up to 8). Channels are never mixed, because their sum can cancel.
    DeviceError when the device does not exist, is busy or has no such channel.
    """

    def __init__(
        self,
        device: str = "",
        *,
        channel: int | None = 1,
        rate: int = ENGINE_RATE,
        ring_s: float = 60.0,
        latency_s: float | str = LATENCY_S,
    ) -> None:
        audio = portaudio.load()
        self.device = choose_device(device, input_devices())
        opened, columns = _columns(self.device, channel)
        with portaudio.standard_error_aside() as said:
            chosen = next((r for r in (rate, self.device.default_rate) if accepts(self.device.number, opened, r)), rate)
            self.intake = Intake(chosen, round(ring_s * chosen), columns)
            try:
                stream = audio.InputStream(
                    device=self.device.number,
                    channels=opened,
                    dtype="float32",
                    samplerate=chosen,
                    blocksize=0,
                    latency=latency_s,
                    clip_off=True,
                    dither_off=True,
                    callback=self.intake.callback,
                    finished_callback=self._note_end,
                )
            except audio.PortAudioError as fault:
                raise portaudio.device_error(self.device.name, fault, said()) from fault
        self._stream = stream
        self._error = audio.PortAudioError
        self.rate = self.intake.rate = round(stream.samplerate)
        """Frames a second, as they come."""
        self.remark = "" if self.rate == rate else f"the device gives {self.rate} Hz, not {rate} Hz"
        """What differs from what was asked for, in the user's words; empty when nothing does."""
        self._ended = False

    def _note_end(self) -> None:
        self._ended = True

    @property
    def ended(self) -> bool:
        """Whether PortAudio has stopped calling, on its own or because it was told to."""
        return self._ended

    def start(self) -> None:
        """Begin; DeviceError when the device refuses."""
        with portaudio.standard_error_aside() as said:
            try:
                self._stream.start()
            except self._error as fault:
                raise portaudio.device_error(self.device.name, fault, said()) from fault

    def close(self) -> bool:
        """Stop and give the device back; False when PortAudio hangs, which a vanished device can make it do."""
        closing = threading.Thread(target=self._close, name="close-microphone", daemon=True)
        closing.start()
        closing.join(_STOP_S)
        return not closing.is_alive()

    def _close(self) -> None:
        try:
            self._stream.abort()
            self._stream.close()
        except self._error:
            self._ended = True  # a device that is gone cannot be stopped: it is

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self.close()


def _columns(device: InputDevice, channel: int | None) -> tuple[int, slice]:
    """How many channels to open, and which of them to keep."""
    if channel is None:
        # A virtual device offers dozens, copies of two.
        count = device.channels if device.channels <= MOST_CHANNELS else 2
        return count, slice(0, count)
    if not 1 <= channel <= min(device.channels, MOST_CHANNELS):
        raise DeviceError(
            f"microphone {device.name!r}",
            f"it has no channel {channel}, but {min(device.channels, MOST_CHANNELS)}",
            "Choose another one with --channel, counted from 1.",
        )
    # Asked for one channel, sound servers mix two into it, and what is out of phase in them goes silent.
    return max(channel, min(2, device.channels)), slice(channel - 1, channel)


def measure_levels(device: str = "", duration_s: float = 3.0) -> tuple[InputDevice, list[ChannelLevel]]:
    """Listen for a while; the device and the level of each channel. DeviceLostError when no frames come."""
    with Capture(device, channel=None, ring_s=duration_s + 1.0) as capture:
        wanted = round(duration_s * capture.rate)
        ring = capture.intake.ring
        capture.start()
        watchdog = Watchdog(FIRST_FRAME_S, time.monotonic_ns())
        while ring.committed < wanted:
            if capture.ended or watchdog.judge(ring.committed, time.monotonic_ns()) is SourceCondition.LOST:
                raise DeviceLostError(
                    f"microphone {capture.device.name!r}", "no audio comes from it", "Check cable, mute and rights."
                )
            time.sleep(0.02)
        return capture.device, channel_levels(ring.copy(0, wanted).samples)
