"""Readings in words: words before numbers, numbers with units, in fixed columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from monitor.core.clock import NANOSECONDS, seconds
from monitor.core.events import (
    ActivityChange,
    MachineChange,
    PrivacyChange,
    SceneChange,
    SourceCondition,
    SourceState,
    SpeciesDetection,
    StreamGap,
    TagDetection,
)
from monitor.core.machine_readings import MachineState
from monitor.core.naming import is_bird
from monitor.core.privacy_readings import PrivacyState
from monitor.core.scene_readings import UNKNOWN as UNKNOWN_SCENE
from monitor.core.types import ENGINE_RATE

if TYPE_CHECKING:
    from monitor.core.events import Health
    from monitor.tui.source import Event, SourceView

ELLIPSIS = "…"

UNKNOWN = "unknown"
"""A bird of no enrolled species."""

KNOWN_MARK = "*"
"""Before the name of a species that a classifier knows and nobody taught."""


def stream_time(index: int) -> str:
    """Time since the start of the stream, such as 0:01:23."""
    minutes, second = divmod(index // ENGINE_RATE, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"


def clock_time(index: int, utc_ns: int | None) -> str:
    """UTC time of day when it is known, such as 07:41:58, else the time since the start of the stream."""
    if utc_ns is None:
        return f"{stream_time(index):>8}"
    return f"{datetime.fromtimestamp(utc_ns // NANOSECONDS, UTC):%H:%M:%S}"


def header_time(view: SourceView) -> str:
    """Where the stream is: `07:42:13 UTC`, or `0:01:23` of a recording whose start is unknown."""
    if view.head_utc_ns is None:
        return f"at {stream_time(view.head)}"
    return f"{clock_time(view.head, view.head_utc_ns)} UTC"


def duration(value_s: float, digits: int = 1) -> str:
    """Seconds, or minutes and seconds from 100 s on: `4.2 s`, `2:05 min`, `3:02 h`."""
    if value_s < 99.5:
        return f"{value_s:.{digits}f} s"
    minutes, second = divmod(round(value_s), 60)
    if minutes < 100:
        return f"{minutes}:{second:02d} min"
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d} h"


def lost_time(lost: int) -> str:
    """Engine samples lost as a time: `0`, `0.021 s`, `12.5 s`; never rounded down to nothing."""
    if lost == 0:
        return "0"
    if lost < ENGINE_RATE:
        return f"{max(0.001, seconds(lost)):.3f} s"
    return duration(seconds(lost))


def gap_sentence(gap: StreamGap, utc_ns: int | None) -> str:
    """How much was lost, when, and why."""
    about = "about " if gap.estimated else ""
    zone = "" if utc_ns is None else " UTC"
    return f"{about}{lost_time(gap.lost)} at {clock_time(gap.span.start, utc_ns).strip()}{zone}, {gap.reason}"


def percent(share: float) -> str:
    """Two decimals, rounded down: nothing that was lost is ever rounded away."""
    return f"{int(share * 10_000 + 1e-6) / 100:6.2f} %"


def factor(value: float) -> str:
    """Real-time factor: `0.8x`, `62x`."""
    return f"{value:.1f}x" if value < 10 else f"{value:.0f}x"


def level(dbfs: float) -> str:
    """A level in a fixed column."""
    return f"{dbfs:4.0f} dBFS"


def short_name(name: str, width: int) -> str:
    """The end of a name, which is what tells files apart, within `width` cells."""
    if len(name) <= width:
        return name
    return ELLIPSIS + name[-(width - 1) :] if width > 1 else name[:width]


def fit(text: str, width: int, *, fill: bool = False) -> str:
    """The beginning of a text within `width` cells, and an ellipsis where it was cut; `fill` makes it as wide."""
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1).rstrip() + ELLIPSIS if width > 1 else set_cell_size(text, width)
    return set_cell_size(text, width) if fill else text


def species(label: str | None, *, known: bool = False) -> str:
    """The name of what a bird was taken for; marked where a classifier knows it and nobody taught it."""
    return UNKNOWN if label is None else KNOWN_MARK + label if known else label


def share(value: float) -> str:
    """A probability in whole percent."""
    return f"{value * 100:.0f} %"


def ago(length: int) -> str:
    """Engine samples since something ended, within five cells: `0:04`, `12:31`, `3h05`, `12 d`."""
    minutes, second = divmod(max(0, length) // ENGINE_RATE, 60)
    hours, minute = divmod(minutes, 60)
    if not hours:
        return f"{minute}:{second:02d}"
    return f"{hours}h{minute:02d}" if hours < 24 else f"{hours // 24} d"


def dropped_windows(health: Health) -> int:
    """Windows not scored because of overload, over all branches."""
    return sum(branch.dropped_windows for branch in health.branches)


def event_words(event: Event, head: int) -> tuple[str, str, str]:
    """Word, measure and rest of an event's row; `head` tells how long an open activity has lasted."""
    reading = event.reading
    match reading:
        case ActivityChange(active=True):
            lasted = seconds(max(head, reading.span.end) - reading.span.start)
            return "bird", duration(lasted), " now"
        case ActivityChange():
            return "bird", duration(seconds(reading.span.length)), f"{reading.probability * 100:3.0f} %"
        case TagDetection():
            return species(reading.label), "", "" if reading.label is None else share(reading.score)
        case SpeciesDetection():
            return species(reading.name, known=is_bird(reading)), "", share(reading.score)
        case StreamGap():
            about = "about, " if reading.estimated else ""
            return "lost", lost_time(reading.lost), about + reading.reason
        case SceneChange():
            if reading.label == UNKNOWN_SCENE:
                return "unknown scene", "", ""
            return reading.label, "", share(reading.probability)
        case MachineChange():
            return reading.machine, "", machine_words(reading)
        case PrivacyChange(state=PrivacyState.WITHHOLDING):
            return "privacy", "", f"{reading.reason}: withheld from now on"
        case PrivacyChange():
            return "privacy", duration(seconds(reading.span.length), digits=0), f"withheld: {reading.reason}"
        case SourceState():
            return "source", "", f"{reading.state}: {reading.detail}" if reading.detail else str(reading.state)


def machine_words(change: MachineChange) -> str:
    """What changed at a machine."""
    if change.alarm:
        return "alarm, seen" if change.acknowledged else "alarm"
    if change.alarmed is not None:
        return f"alarm over, {duration(seconds(change.alarmed.length), digits=0)}"
    state = change.state.value.replace("_", " ")
    return f"{state}: {change.detail}" if change.detail else state


def event_urgent(event: Event) -> bool:
    """Whether a person is needed."""
    reading = event.reading
    if isinstance(reading, MachineChange):
        return (reading.alarm and not reading.acknowledged) or reading.state is MachineState.FAULT
    return isinstance(reading, SourceState) and reading.state in (
        SourceCondition.STALLED,
        SourceCondition.LOST,
        SourceCondition.FAILED,
    )
