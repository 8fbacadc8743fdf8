"""Looking after machines from the screen: what the engine knows of them, and how a job fares. No terminal in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.bus.enrollment import answered
from monitor.bus.machine_care import (
    ATTEND,
    CANCEL,
    JOB,
    LEARN,
    MACHINES,
    NORMAL,
    MachineJob,
    MachineJobBegun,
    MachineList,
)
from monitor.bus.machine_play import HUSH, PLAY, PLAYING, MachinePlaying
from monitor.core.text import counted
from monitor.errors import AuricleError, BusError
from monitor.tui.enrollment import Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.bus.machine_care import Act, MachineCare
    from monitor.tui.machines import MachineView

ASK_EVERY_S = 0.5
"""Seconds between two questions how a job fares."""
LIST_EVERY_S = 2.0
"""Seconds between two looks at what is enrolled, while a dialog is open."""
SNOOZE_S = 3600.0
"""Seconds that the key for it gives."""

_COMMANDS = frozenset({MACHINES, ATTEND, LEARN, NORMAL, JOB, CANCEL, PLAY, PLAYING, HUSH})


@dataclass(slots=True)
class Caring:
    """`ask` sends a command to the engine; `fold` and `refuse` take what comes back."""

    ask: Callable[..., None]
    known: MachineList | None = None
    """What the engine has; None before it answered."""
    job: MachineJob | None = None
    """The newest job."""
    lines: tuple[Line, ...] = ()
    """What came of the last thing that was asked."""
    playing: MachinePlaying | None = None
    """What is heard now; None: nothing."""
    _plays_at_s: float = 0.0
    _job: int | None = None
    _waits: bool = False
    _next_at_s: float = 0.0
    _lists: bool = False
    _list_at_s: float = 0.0
    _asked: str = ""

    @property
    def working(self) -> bool:
        """Whether a job goes on."""
        return self._job is not None or (self.job is not None and self.job.state in ("listening", "fitting"))

    def begin(self) -> None:
        """A dialog opens."""
        self._list_at_s = 0.0
        if not self.working:
            self.lines, self.job = (), None

    def known_by(self, name: str) -> MachineCare | None:
        """The machine that the engine has by this name."""
        machines = () if self.known is None else self.known.machines
        wanted = " ".join(name.split()).casefold()
        return next((one for one in machines if one.name.casefold() == wanted), None)

    def attend(self, name: str, act: Act) -> None:
        """Acknowledge, snooze, and so on."""
        self._asked = {
            "acknowledge": f"the alarm of {name} was acknowledged",
            "snooze": f"{name} keeps quiet for {SNOOZE_S / 60:.0f} min",
            "wake": f"{name} may ring again",
            "maintenance": f"{name} is under maintenance: nothing is judged",
            "resume": f"{name} is judged again",
        }[act]
        self.ask(ATTEND, name=name, act=act, seconds=SNOOZE_S)

    def learn(self, name: str, seconds: float, source: str, *, even_alarms: bool = False) -> None:
        """Have the engine learn what it hears from now on."""
        self.lines, self.job = (), MachineJob(name, "listening", seconds)
        self.ask(LEARN, name=name, seconds=seconds, source=source, existing="add", even_alarms=even_alarms)

    def cancel(self) -> None:
        """Give up the job that goes on."""
        if self._job is not None:
            self.ask(CANCEL, job=self._job)

    def false_alarm(self, view: MachineView, source: str) -> None:
        """Have the alarm that there is added to the normals."""
        alarmed = view.newest.alarmed
        if alarmed is None:
            self.lines = (Line(f"{view.name} has no alarm that could be a false one"),)
            return
        self.lines, self.job = (), MachineJob(view.name, "fitting")
        stretch: dict[str, object] = {"start": alarmed.start, "end": alarmed.end, "utc_ns": view.alarm_utc_ns}
        self.ask(NORMAL, name=view.name, source=source, **stretch)

    def play(self, view: MachineView, source: str) -> None:
        """Have the alarm that there is played, and the normal that is most like it; or stop that."""
        if self.playing is not None:
            self.ask(HUSH)
            return
        reading = view.newest
        if reading.alarmed is None or not reading.nearest_clip:
            self.lines = (Line(f"{view.name} has no alarm that could be heard"),)
            return
        stretch = {"start": reading.alarmed.start, "end": reading.alarmed.end}
        self.ask(PLAY, name=view.name, source=source, nearest=reading.nearest_clip, **stretch)

    def tick(self, now_s: float, *, shown: bool) -> None:
        """Ask what it is time to ask; `shown`: whether a dialog is open."""
        if self._job is not None and not self._waits and now_s >= self._next_at_s:
            self._waits, self._next_at_s = True, now_s + ASK_EVERY_S
            self.ask(JOB, job=self._job)
        if self.playing is not None and now_s >= self._plays_at_s:
            self._plays_at_s = now_s + ASK_EVERY_S
            self.ask(PLAYING)
        if shown and not self._lists and now_s >= self._list_at_s:
            self._lists, self._list_at_s = True, now_s + LIST_EVERY_S
            self.ask(MACHINES)

    def takes(self, command: str) -> bool:
        """Whether answers to this command are for us."""
        return command in _COMMANDS

    def fold(self, command: str, result: object) -> None:
        """The engine answered."""
        try:
            if command == MACHINES:
                self._lists = False
                self.known = answered(result, MachineList)
            elif command in (LEARN, NORMAL):
                self._job = answered(result, MachineJobBegun).job
            elif command == JOB:
                self._waits = False
                self._fold_job(answered(result, MachineJob))
            elif command == HUSH:
                self._plays_at_s = 0.0
            elif command in (PLAY, PLAYING):
                self._fold_playing(answered(result, MachinePlaying))
            elif command == ATTEND:
                self.lines, self._list_at_s = (Line(self._asked),), 0.0
        except BusError as fault:
            self.refuse(command, fault)

    def refuse(self, command: str, error: AuricleError) -> None:
        """The engine refused, or did not answer."""
        if command == MACHINES:
            self._lists = False
            return
        if command in (PLAY, PLAYING, HUSH):
            self.playing = None
        if command in (LEARN, NORMAL, JOB):
            self._job, self._waits, self.job = None, False, None
        self.lines = (Line(f"{error.what}: {error.why}", urgent=True), Line(error.remedy))

    def _fold_playing(self, told: MachinePlaying) -> None:
        before, self.playing = self.playing, told if told.going_on else None
        if told.state == "failed":
            self.lines = (Line(f"{told.what}: {told.why}", urgent=True), Line(told.remedy))
        elif told.state == "alarm":
            self.lines = (Line(f"playing what rang the alarm of {told.name}"),)
        elif told.state == "normal":
            self.lines = (Line(f"playing the normal that is most like it, {told.nearest}"),)
        elif before is not None:
            self.lines = ()

    def _fold_job(self, told: MachineJob) -> None:
        self.job = told
        if told.state in ("listening", "fitting"):
            return
        self._job, self._list_at_s = None, 0.0
        if told.state == "failed":
            self.lines = (Line(f"{told.what}: {told.why}", urgent=True), Line(told.remedy))
            return
        learnt = f"{told.name} is learnt from {counted(told.clips, 'clip')}; it is listened for from now on"
        self.lines = (Line(learnt), *(Line(warning, urgent=True) for warning in told.warnings))


def progress_words(job: MachineJob) -> str:
    """How a job fares, in a line."""
    if job.state == "fitting":
        return f"learning what was heard of {job.name} ..."
    left_out = f"; {job.refused_s:.0f} s left out, they would ring its alarm" if job.refused_s else ""
    return f"listening to {job.name}: {job.heard_s:.0f} of {job.wanted_s:.0f} s{left_out}"
