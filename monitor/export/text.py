"""Readings as lines for people: what `--no-tui` prints on a terminal."""

from __future__ import annotations

from monitor.core.clock import NANOSECONDS, isoformat, seconds
from monitor.core.events import (
    ActivityChange,
    MachineChange,
    PrivacyChange,
    Reading,
    SceneChange,
    SourceState,
    SpeciesDetection,
    StreamGap,
    TagDetection,
)
from monitor.core.privacy_readings import PrivacyReason, PrivacyState
from monitor.core.scene_readings import UNKNOWN
from monitor.core.text import writable
from monitor.core.types import ENGINE_RATE


def stream_time(index: int) -> str:
    """Hours, minutes, seconds and tenths since the start of the stream, such as 0:01:23.4."""
    tenths = index * 10 // ENGINE_RATE
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest // 10:02d}.{rest % 10}"


def to_text_line(source: str, reading: Reading, utc_ns: int | None) -> str | None:
    """One line without its end, or None for readings that only a screen can use."""
    told = _tell(reading)
    if told is None:
        return None
    # An end is told when it is known: that is the moment it belongs to.
    over = (
        (isinstance(reading, ActivityChange) and not reading.active)
        or (isinstance(reading, TagDetection) and not reading.provisional)
        or isinstance(reading, SpeciesDetection)
        or (isinstance(reading, PrivacyChange) and reading.state is PrivacyState.WATCHING)
    )
    moment = reading.span.end if over else reading.span.start
    if utc_ns is None:
        return f"{stream_time(moment)}  {source}  {told}"
    at_ns = utc_ns + (moment - reading.span.start) * NANOSECONDS // ENGINE_RATE
    return f"{isoformat(at_ns)[:19]}Z  {source}  {told}"


def _tell(reading: Reading) -> str | None:
    if isinstance(reading, ActivityChange):
        if reading.active:
            return f"bird audible, {reading.probability:.0%}"
        return f"bird silent after {seconds(reading.span.length):.1f} s, best {reading.probability:.0%}"
    if isinstance(reading, TagDetection):
        return _tell_tag(reading) + _suppressed(reading.suppressed)
    if isinstance(reading, SpeciesDetection):
        again = ", the same call" if reading.continues else ""
        told = f"{writable(reading.name)} ({reading.kind}), {reading.score:.0%}{again}"
        return told + _suppressed(reading.suppressed)
    if isinstance(reading, SceneChange):
        before = "" if reading.previous is None else f", before that {writable(reading.previous)}"
        sure = "" if reading.label == UNKNOWN else f", {reading.probability:.0%}"
        return f"scene {writable(reading.label)}{sure}{before}"
    if isinstance(reading, MachineChange):
        return _tell_machine(reading)
    if isinstance(reading, PrivacyChange):
        return _tell_privacy(reading)
    if isinstance(reading, StreamGap):
        about = "about " if reading.estimated else ""
        return f"lost {about}{seconds(reading.lost):.3f} s: {reading.reason}"
    if isinstance(reading, SourceState):
        synthetic = " (synthetic sound)" if reading.synthetic else ""
        return f"{reading.state}{synthetic}{': ' + reading.detail if reading.detail else ''}"
    return None


def _tell_machine(change: MachineChange) -> str:
    machine = writable(change.machine)
    if change.alarm:
        bands = ", ".join(
            f"{band.low_hz:.0f}-{band.high_hz:.0f} Hz {band.difference_db:+.0f} dB" for band in change.deviations
        )
        seen = ", acknowledged" if change.acknowledged else ""
        return f"{machine}: ALARM{seen}{', ' + bands if bands else ''}"
    over = "" if change.alarmed is None else f"alarm over after {seconds(change.alarmed.length):.0f} s, "
    detail = f": {writable(change.detail)}" if change.detail else ""
    if change.suppressed:
        return f"{machine}: alarm{_suppressed(change.suppressed)}"
    return f"{machine}: {over}{change.state.value.replace('_', ' ')}{detail}"


def _tell_privacy(change: PrivacyChange) -> str:
    if change.reason is PrivacyReason.NONE:
        return "privacy mode: clips and spectrogram only where nobody speaks"
    if change.state is PrivacyState.WITHHOLDING:
        return f"privacy: {change.reason}, clips and spectrogram are withheld"
    clips = f", {change.clips} clips not written" if change.clips else ""
    return f"privacy: over after {seconds(change.span.length):.0f} s ({change.reason}){clips}"


def _suppressed(why: str) -> str:
    return f", suppressed: {writable(why)}" if why else ""


def _tell_tag(tag: TagDetection) -> str:
    certainty = "at first " if tag.provisional else ""
    again = ", the same call" if tag.continues else ""
    if tag.label is None:
        nearest = f", most like {writable(tag.runner_up)} ({tag.score:.0%})" if tag.runner_up else ""
        return f"{certainty}unknown bird{nearest}{again}"
    return f"{certainty}{writable(tag.label)}, {tag.score:.0%}{again}"
