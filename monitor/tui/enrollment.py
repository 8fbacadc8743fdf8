"""How teaching a species fares: what the engine answered so far, and what to ask it next. No terminal in here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import normalize

from monitor.bus.enrollment import ENROLL, ENROLLMENT, SPECIES, Enrollment, EnrollmentBegun, SpeciesList, answered
from monitor.core.text import counted
from monitor.errors import AuricleError, BusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.bus.enrollment import EnrolledSpecies
    from monitor.tui.calls import Call

ASK_EVERY_S = 0.25
"""Seconds between two questions how a job fares."""
LIST_EVERY_S = 2.0
"""Seconds between two looks at what is enrolled, while the dialog is open."""

_COMMANDS = frozenset({SPECIES, ENROLL, ENROLLMENT})


class Phase(Enum):
    """Where we are."""

    CHOOSING = auto()
    """The user chooses and types."""
    WORKING = auto()
    """The engine embeds the call."""
    DONE = auto()
    FAILED = auto()


class Line(NamedTuple):
    """Something to tell the user."""

    text: str
    urgent: bool = False
    """True where a person has to do something."""


@dataclass(slots=True)
class Enrolling:
    """One attempt after the other. `ask` sends a command to the engine; `fold` and `refuse` take what comes back."""

    ask: Callable[..., None]
    known: SpeciesList | None = None
    """What the engine has; None before it answered."""
    phase: Phase = Phase.CHOOSING
    name: str = ""
    """Of the species that is being learnt."""
    lines: tuple[Line, ...] = ()
    """What came of it."""
    _job: int | None = None
    _waits: bool = False
    """Whether the engine was asked how the job fares and has not answered yet."""
    _next_at_s: float = 0.0
    _lists: bool = False
    """Whether the engine was asked what is enrolled and has not answered yet."""
    _list_at_s: float = 0.0

    def begin(self) -> None:
        """The dialog opens."""
        self._list_at_s = 0.0
        if self.phase is not Phase.WORKING:
            self.choose()

    def choose(self) -> None:
        """Back to choosing."""
        self.phase, self.lines, self._job = Phase.CHOOSING, (), None

    def enroll(self, call: Call, end: int, name: str) -> None:
        """Have the engine learn `name` from a call that has come to engine index `end`."""
        self.phase, self.name, self.lines, self._job, self._waits = Phase.WORKING, name, (), None, False
        stretch: dict[str, object] = {"start": call.span.start, "end": end, "utc_ns": call.utc_ns}
        self.ask(ENROLL, source=call.source, name=name, existing="add", **stretch)

    def tick(self, now_s: float, *, shown: bool) -> None:
        """Ask what it is time to ask; `shown`: whether the dialog is open."""
        if self._job is not None and not self._waits and now_s >= self._next_at_s:
            self._waits, self._next_at_s = True, now_s + ASK_EVERY_S
            self.ask(ENROLLMENT, job=self._job)
        if shown and not self._lists and now_s >= self._list_at_s:
            self._lists, self._list_at_s = True, now_s + LIST_EVERY_S
            self.ask(SPECIES)

    def takes(self, command: str) -> bool:
        """Whether answers to this command are for us."""
        return command in _COMMANDS

    def fold(self, command: str, result: object) -> None:
        """The engine answered."""
        try:
            if command == SPECIES:
                self._lists = False
                self.known = answered(result, SpeciesList)
            elif command == ENROLL:
                self._job = answered(result, EnrollmentBegun).job
            else:
                self._waits = False
                self._fold_progress(answered(result, Enrollment))
        except BusError as fault:
            self.refuse(command, fault)

    def refuse(self, command: str, error: AuricleError) -> None:
        """The engine refused, or did not answer."""
        if command == SPECIES:
            self._lists = False
            if self.phase is not Phase.CHOOSING:
                return
        self.phase, self._job, self._waits = Phase.FAILED, None, False
        self.lines = (Line(f"{error.what}: {error.why}", urgent=True), Line(error.remedy))

    def _fold_progress(self, told: Enrollment) -> None:
        if told.state == "working":
            return
        self._job = None
        if told.state == "failed":
            self.phase = Phase.FAILED
            self.lines = (Line(f"{told.what}: {told.why}", urgent=True), Line(told.remedy))
            return
        self.phase, self.name = Phase.DONE, told.name
        learnt = f"{told.name} is enrolled, from {counted(told.clips, 'clip')}; it is tagged from now on"
        self.lines = (Line(learnt), *(Line(warning, urgent=True) for warning in told.warnings))
        self._list_at_s = 0.0

    # -------------------------------------------------------------------------------------------------- the name

    def same(self, text: str) -> EnrolledSpecies | None:
        """The species that the engine has by this name."""
        wanted = _key(text)
        return next((one for one in self._species() if _key(one.name) == wanted), None)

    def matching(self, text: str) -> list[EnrolledSpecies]:
        """Species whose name, or a word of it, begins as what was typed; all of them when nothing was."""
        wanted = _key(text)
        found = [one for one in self._species() if _key(one.name).startswith(wanted)]
        inside = [one for one in self._species() if f" {wanted}" in _key(one.name).replace("_", " ")]
        return found + [one for one in inside if one not in found]

    def _species(self) -> tuple[EnrolledSpecies, ...]:
        return () if self.known is None else self.known.species


def _key(text: str) -> str:
    return normalize("NFC", " ".join(text.split())).casefold()
