"""What the banner says: everything that is not as it should be, for as long as it is so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.core.events import BranchCondition, SourceCondition, StreamGap
from monitor.core.privacy_readings import PrivacyReason, PrivacyState
from monitor.tui.wording import duration, gap_sentence, short_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.core.events import BranchHealth
    from monitor.tui.source import SourceView
    from monitor.tui.state import ScreenState

RECENT_S = 10.0
"""Seconds of the screen's clock for which a loss counts as present."""

_TROUBLES = {
    SourceCondition.STALLED: ("source stalled", "no audio is coming"),
    SourceCondition.LOST: ("source lost", "the device or its capture is gone; it is being restarted"),
    SourceCondition.FAILED: ("source failed", "given up"),
}


_WHY = {
    PrivacyReason.NONE: "",
    PrivacyReason.SPEECH: "somebody speaks",
    PrivacyReason.VOICE: "a voice is heard",
    PrivacyReason.NOT_JUDGED: "nothing tells whether somebody speaks",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A line of the banner."""

    what: str
    """Two or three words."""
    text: str
    """The rest of the sentence, in the user's words."""
    urgent: bool
    """True where a person is needed."""


def conditions(state: ScreenState, now_s: float) -> list[Condition]:
    """What the banner says now, the most urgent first; `now_s` is the screen's own clock."""
    found = [*_of_engine(state, now_s)]
    current = state.current
    for view in state.sources.values():
        if view is current:
            found.extend(_of_source(view, now_s, ""))
        elif view.condition in _TROUBLES:
            found.extend(_trouble(view, f"{short_name(view.name, 24)}: "))
    return sorted(found, key=lambda condition: not condition.urgent)


def _of_engine(state: ScreenState, now_s: float) -> Iterator[Condition]:
    engine = state.engine
    all_over = bool(state.sources) and all(view.over for view in state.sources.values())
    if engine.silent_since_s is not None and not all_over:
        if engine.closed:
            yield Condition("engine closed", "it was ended; nothing is being heard", urgent=True)
        else:
            silent = duration(max(0.0, now_s - engine.silent_since_s), digits=0)
            yield Condition("engine silent", f"nothing heard from it for {silent}", urgent=True)
    if engine.log_fault:
        waiting = f"; {engine.waiting} events wait in memory" if engine.waiting else ""
        yield Condition("event log", f"{engine.log_fault}{waiting}", urgent=True)
    if engine.events_lost:
        yield Condition("events lost", f"{engine.events_lost} could not be written in time", urgent=True)
    if engine.missed_at_s is not None and now_s - engine.missed_at_s < RECENT_S:
        yield Condition("screen behind", _missed(engine.missed, engine.missed_events), urgent=False)
    if engine.garbled_at_s is not None and now_s - engine.garbled_at_s < RECENT_S:
        yield Condition("unreadable message", f"left out: {engine.garbled}", urgent=False)


def _missed(readings: int, events: int) -> str:
    parts: list[str] = []
    if readings:
        parts.append(f"{readings} readings were not drawn; listening goes on")
    if events:
        parts.append(f"{events} events are gone from the log")
    return "; ".join(parts)


def _of_source(view: SourceView, now_s: float, prefix: str) -> Iterator[Condition]:
    yield from _trouble(view, prefix)
    for branch in view.health.branches if view.health is not None else ():
        if branch.state is not BranchCondition.RUNNING:
            yield _branch(branch)
    if view.privacy is not None and view.privacy.state is PrivacyState.WITHHOLDING:
        yield Condition("privacy", f"{_WHY[view.privacy.reason]}; clips and spectrogram are withheld", urgent=False)
    gap = view.last_gap
    if gap is not None and isinstance(gap.reading, StreamGap) and now_s - view.gap_seen_s < RECENT_S:
        yield Condition("audio lost", gap_sentence(gap.reading, gap.utc_ns), urgent=False)
    if view.synthetic:
        yield Condition("synthetic sound", "not live audio", urgent=False)


def _trouble(view: SourceView, prefix: str) -> Iterator[Condition]:
    if view.condition in _TROUBLES:
        what, text = _TROUBLES[view.condition]
        yield Condition(what, f"{prefix}{view.detail or text}", urgent=True)


def _branch(branch: BranchHealth) -> Condition:
    off = branch.state is BranchCondition.OFF
    what = f"{branch.name} off" if off else f"{branch.name} degraded"
    text = "it failed three times within a minute" if off else "it failed and was started anew"
    return Condition(what, f"{text}: {branch.detail}" if branch.detail else text, urgent=off)
