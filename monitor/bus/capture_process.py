"""The process `auricle capture`: one microphone, its ring, and the sender behind it, until someone asks it to stop."""

from __future__ import annotations

import gc
import os
import sys
import time
from typing import TYPE_CHECKING

import structlog

from monitor.audio.capture import LATENCY_S, Capture, DeviceLostError, Watchdog
from monitor.audio.recorder import Recorder
from monitor.bus.audio_sender import AudioSender
from monitor.core.events import SourceCondition
from monitor.core.types import ENGINE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.bus.curve import CurveKeys

DRAIN_S = 2.0
"""Seconds that the engine gets, at the end, to take what is left."""
_LOOK_S = 0.05

log = structlog.get_logger()


def run_capture(
    engine: str,
    stopped: Callable[[], bool],
    *,
    device: str = "",
    source: str = "",
    channel: int = 1,
    rate: int = ENGINE_RATE,
    ring_s: float = 60.0,
    watchdog_s: float = 3.0,
    latency_s: float | str = LATENCY_S,
    record: Path | None = None,
    keys: CurveKeys | None = None,
) -> None:
    """Send the microphone `device` to the engine at address `engine` until `stopped()`, then flush.

    `source` names it to the engine; empty: the device's name. `record` is a folder that keeps the raw audio.
    DeviceError or BusError when it cannot start;
    DeviceLostError (exit code 1) when the device goes or gives no frame for `watchdog_s` seconds: only a new process
    can see a device that was plugged in again.
    """
    capture = Capture(device, channel=channel, rate=rate, ring_s=ring_s, latency_s=latency_s)
    recorder = Recorder(capture.intake, record) if record else None
    sender = AudioSender(capture.intake, engine, source or capture.device.name, keys)
    # What exists now stays: a collection that walks all of it would hold up the callback.
    gc.collect()
    gc.freeze()
    if capture.remark:
        log.warning(capture.remark, device=capture.device.name)
    sender.start()
    try:
        capture.start()
        if recorder:
            recorder.start()
        why = _listen(capture, sender, stopped, watchdog_s, recorder)
    except BaseException as fault:
        sender.finish(SourceCondition.LOST, str(fault) or type(fault).__name__, drain_s=0.0)
        capture.close()
        raise
    if recorder:
        recorder.finish()
    if not why:
        capture.close()
        if not sender.finish(SourceCondition.ENDED, "stopped", DRAIN_S):
            log.warning("the engine did not take the last of the audio", engine=engine)
        if sender.failure is not None:
            raise sender.failure
        return
    sender.finish(SourceCondition.LOST, why, DRAIN_S)
    lost = DeviceLostError(
        f"microphone {capture.device.name!r}", why, "Check the cable; capture must be started again."
    )
    if not capture.close():
        # Python's own end would wait for PortAudio, and that waits for a device that is gone.
        sys.stderr.write(f"{lost}\n")
        sys.stderr.flush()
        os._exit(lost.exit_code)
    raise lost


def _listen(
    capture: Capture,
    sender: AudioSender,
    stopped: Callable[[], bool],
    watchdog_s: float,
    recorder: Recorder | None,
) -> str:
    """Watch until the end; why the device is lost, empty when someone asked to stop."""
    watchdog = Watchdog(watchdog_s, time.monotonic_ns())
    before, refused, linked = SourceCondition.STARTING, "", None
    while not stopped():
        if sender.failure is not None:
            raise sender.failure
        condition = watchdog.judge(capture.intake.ring.committed, time.monotonic_ns())
        if capture.ended:
            return "the device is gone"
        if condition is SourceCondition.LOST:
            heard = capture.intake.ring.committed > 0
            return f"no audio has come from it for {watchdog_s:g} s" if heard else "it gives no audio"
        stalled = condition is SourceCondition.STALLED
        remark = (recorder.fault if recorder else "") or capture.remark
        sender.report(condition, "no audio comes from the device" if stalled else remark)
        if condition is not before:
            log.info("capture", condition=condition.value, device=capture.device.name)
        if sender.refused and sender.refused != refused:
            log.warning(sender.refused)
        if sender.linked != linked:
            log.info("engine answers" if sender.linked else "waiting for the engine", engine=sender.address)
        before, refused, linked = condition, sender.refused, sender.linked
        time.sleep(_LOOK_S)
    return ""
