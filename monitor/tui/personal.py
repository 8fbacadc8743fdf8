"""The personal classifier of sound classes, as the screen knows it. No terminal in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.bus.enrollment import answered
from monitor.bus.personalisation import PERSONAL, PERSONAL_APPLY, PERSONAL_REVERT, PersonalStatus
from monitor.core.clock import isoformat
from monitor.core.text import counted
from monitor.errors import AuricleError, BusError
from monitor.tui.enrollment import Line

if TYPE_CHECKING:
    from collections.abc import Callable

ASK_EVERY_S = 2.0
"""Seconds between two questions, while the dialog is open."""

DECISION_S = 10
"""Seconds of sound that a vector stands for."""

_COMMANDS = frozenset({PERSONAL, PERSONAL_APPLY, PERSONAL_REVERT})


@dataclass(slots=True)
class Personal:
    """`ask` sends a command to the engine; `fold` and `refuse` take what comes back."""

    ask: Callable[..., None]
    status: PersonalStatus | None = None
    """What the engine told; None before it answered."""
    lines: tuple[Line, ...] = ()
    """What came of the last thing that was asked."""
    _waits: bool = False
    _next_at_s: float = 0.0

    def begin(self) -> None:
        """The dialog opens."""
        self.lines, self._next_at_s = (), 0.0

    def tick(self, now_s: float, *, shown: bool) -> None:
        """Ask what it is time to ask; `shown`: whether the dialog is open."""
        if shown and not self._waits and now_s >= self._next_at_s:
            self._waits, self._next_at_s = True, now_s + ASK_EVERY_S
            self.ask(PERSONAL)

    def apply(self) -> None:
        """Put the newest answer of a back-end in use."""
        self.ask(PERSONAL_APPLY)

    def revert(self) -> None:
        """Put the classifier in use that was before."""
        self.ask(PERSONAL_REVERT)

    def takes(self, command: str) -> bool:
        """Whether answers to this command are for us."""
        return command in _COMMANDS

    def fold(self, command: str, result: object) -> None:
        """The engine answered."""
        self._waits = self._waits and command != PERSONAL
        try:
            self.status = answered(result, PersonalStatus)
        except BusError as fault:
            self.refuse(command, fault)
            return
        if command != PERSONAL:
            self.lines = (Line(f"{self.status.model} is in use from now on"),)

    def refuse(self, command: str, error: AuricleError) -> None:
        """The engine refused, or did not answer; what is in use stays."""
        self._waits = self._waits and command != PERSONAL
        self.lines = (Line(f"{error.what}: {error.why}", urgent=True), Line(error.remedy))


def status_lines(status: PersonalStatus | None) -> list[tuple[str, str]]:
    """Word and text of each row of the dialog."""
    if status is None:
        return [("", "asking the engine ...")]
    rows = [("gathering", "on: no audio and no features are kept" if status.gathering else f"off: {status.why_not}")]
    if status.gathering:
        hours = status.vectors * DECISION_S / 3600
        rows.append(("vectors", f"{status.vectors} ({hours:.1f} h of sound){_since(status.since_ns)}"))
        rows.append(("last fit", _fit_words(status)))
    kind = "made for this place" if status.personal else "came with the program"
    rows.append(("in use", f"{status.model}, {kind}{_since(status.applied_ns)}"))
    rows += [("", line) for line in status.made]
    if status.before:
        rows.append(("before", status.before))
    rows.append(("received", status.received or "nothing that waits to be applied"))
    if status.fault:
        rows.append(("fault", status.fault))
    return rows


def _fit_words(status: PersonalStatus) -> str:
    if status.fitted_ns is None:
        return "none yet: a vector takes ten seconds"
    if not status.components:
        return f"{_minute(status.fitted_ns)}, too little yet to be sent"
    return f"{_minute(status.fitted_ns)}: {counted(status.components, 'component')}, {status.numbers} numbers"


def _since(utc_ns: int | None) -> str:
    return "" if utc_ns is None else f" since {_minute(utc_ns)}"


def _minute(utc_ns: int) -> str:
    return isoformat(utc_ns)[:16].replace("T", " ") + " UTC"
