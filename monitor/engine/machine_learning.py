"""Learns machines from live audio: it listens in the engine's loop, and a thread of its own judges and fits.

A clip in which the machine's alarm would ring is left out, unless the user said otherwise; where most are, nothing is
learnt.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec
import structlog

from monitor.audio.resample import resampled
from monitor.bus.machine_care import (
    ATTEND,
    CANCEL,
    JOB,
    LEARN,
    MACHINES,
    NORMAL,
    AttendMachine,
    LearnMachine,
    MachineJob,
    MachineJobAsked,
    MachineJobBegun,
    MachineList,
    NormalStretch,
)
from monitor.core.clock import isoformat, seconds
from monitor.core.text import writable
from monitor.core.types import ENGINE_RATE, Span
from monitor.engine.machine_listening import RATE, HeardClip, Listening
from monitor.engine.privacy import Verdict
from monitor.errors import AuricleError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal, Self

    from monitor.bus.server import BusServer
    from monitor.core.types import AudioBlock, Float32Array
    from monitor.engine.audio_history import Histories
    from monitor.engine.machine_desk import MachineDesk
    from monitor.engine.privacy_book import PrivacyBook

SHORTEST_S, LONGEST_S = 10.0, 1800.0
"""That can be listened to in one go: half an hour is what a machine is learnt from at most."""

MOST_REFUSED = 0.5
"""Share of what was heard that may ring the machine's alarm; of more, something is wrong with it."""

SILENCE_S = 30.0
"""Seconds without audio after which listening is given up: the source has ended, or is gone."""

REMEMBERED = 64
"""Jobs whose outcome can still be asked for."""

log = structlog.get_logger()


class Taught(NamedTuple):
    """What came of learning."""

    clips: int
    """That the machine has now."""
    warnings: tuple[str, ...]
    """In whole sentences."""


class Teacher(Protocol):
    """What learns machines; used by one thread."""

    def check(self, name: str, existing: Literal["refuse", "add", "replace"]) -> str:
        """The machine's name as it will be enrolled. Raises UsageError when it is none, or is there and must not be."""
        ...

    def rings(self, name: str, clip: Float32Array) -> bool:
        """Whether the machine's alarm would ring in a clip at 16 kHz; False where there is no such machine."""
        ...

    def learn(
        self, name: str, clips: Sequence[HeardClip], *, target: bool, existing: Literal["refuse", "add", "replace"]
    ) -> Taught:
        """Take them for normal. Raises AuricleError when nothing can be learnt from them."""
        ...


class MachineLearning:
    """Answers all commands about machines. Everything public is called from the engine's loop."""

    def __init__(
        self,
        desk: MachineDesk,
        teacher: Teacher,
        histories: Histories,
        clock: Callable[[], float] = monotonic,
        privacy: PrivacyBook | None = None,
    ) -> None:
        """`clock`: seconds, for noticing that no audio comes any more. `privacy` says which audio must not be kept."""
        self._privacy = privacy
        self._desk = desk
        self._clock = clock
        self._teacher = teacher
        self._histories = histories
        self._jobs: dict[int, MachineJob] = {}
        self._last_job = 0
        self._listening: Listening | None = None
        self._active: dict[int, Listening] = {}
        self._over: SimpleQueue[tuple[Listening, MachineJob]] = SimpleQueue()
        """Jobs that the thread is done with."""
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="machine learning")

    def serve_on(self, server: BusServer) -> None:
        """Answer the commands that come to this server."""
        server.on(MACHINES, lambda _: self.machines())
        server.on(ATTEND, self._desk.attend, AttendMachine)
        server.on(LEARN, self.begin, LearnMachine)
        server.on(NORMAL, self.false_alarm, NormalStretch)
        server.on(JOB, self.progress, MachineJobAsked)
        server.on(CANCEL, self.cancel, MachineJobAsked)

    def machines(self) -> MachineList:
        """What is enrolled and can be learnt from."""
        self._settle()
        return MachineList(self._desk.care(), self._histories.sources, self._histories.held_s)

    def begin(self, wanted: LearnMachine) -> MachineJobBegun:
        """Listen from now on.

        Raises UsageError when the name or the time is none, another job listens, or the source is not heard.
        """
        if not SHORTEST_S <= wanted.seconds <= LONGEST_S:
            remedy = f"Give {SHORTEST_S:.0f} s to {LONGEST_S / 60:.0f} min"
            raise UsageError(f"{wanted.seconds:g} s", "is no time to learn a machine from", remedy)
        if self._listening is not None:
            busy = self._listening.wanted.name
            raise UsageError("learning", f"{busy} is being learnt already", "Wait for it, or stop it")
        name = self._teacher.check(wanted.name, wanted.existing)
        source = self._source(wanted.source)
        number = self._new_job(MachineJob(name, "listening", wanted.seconds))
        self._listening = Listening(number, msgspec.structs.replace(wanted, name=name), source, fed_s=self._clock())
        self._active[number] = self._listening
        self._desk.begin_learning(name, number)
        return MachineJobBegun(number)

    def hear(self, source: str, block: AudioBlock) -> None:
        """A source's next audio at the engine rate."""
        self._settle()
        job = self._listening
        if job is None or writable(source) != job.source:
            return
        job.hear(block, self._clock())
        if self._hand_over(job) and job.over:
            self._listening = None
            self._jobs[job.number] = msgspec.structs.replace(self._jobs[job.number], state="fitting")
            self._worker.submit(self._finish, job)

    def false_alarm(self, wanted: NormalStretch) -> MachineJobBegun:
        """Take the held audio of an alarm for normal. Raises UsageError when there is no such machine or audio."""
        profile = self._desk.find(wanted.name)
        if profile is None:
            remedy = "`auricle machine list` shows those that are"
            raise UsageError(f"machine {wanted.name}", "is not enrolled in this engine", remedy)
        if not 0 <= wanted.start <= wanted.end:
            raise UsageError("false alarm", f"{wanted.start} to {wanted.end} is no stretch", "Choose an alarm")
        held = self._histories.held(wanted.source)
        excerpt = self._histories.cut(wanted.source, Span(max(wanted.start, held.start), max(wanted.end, held.start)))
        if self._privacy:
            self._privacy.require(wanted.source, excerpt.span)
        when = f"at {seconds(wanted.start):.1f} s" if wanted.utc_ns is None else isoformat(wanted.utc_ns)
        clip = HeardClip(
            resampled(excerpt.samples, ENGINE_RATE, RATE, len(excerpt.samples) * RATE // ENGINE_RATE),
            f"{wanted.source} {when}, a false alarm",
        )
        number = self._new_job(MachineJob(profile.name, "fitting"))
        job = Listening(number, LearnMachine(profile.name, 0.0, existing="add"), wanted.source, clips=[clip])
        self._active[number] = job
        self._worker.submit(self._finish, job)
        return MachineJobBegun(number)

    def progress(self, asked: MachineJobAsked) -> MachineJob:
        """How a job fares. Raises UsageError when there is none by that number."""
        self._settle()
        found = self._jobs.get(asked.job)
        if found is None:
            raise UsageError(f"job {asked.job}", "this engine knows nothing of it", "Begin again")
        job = self._active.get(asked.job)
        return found if job is None else job.so_far(found)

    def cancel(self, asked: MachineJobAsked) -> None:
        """Stop listening. Raises UsageError when that job does not listen (any more)."""
        job = self._listening
        if job is None or job.number != asked.job:
            raise UsageError(f"job {asked.job}", "does not listen", "What is heard already is being learnt")
        self._give_up(job, "learning was stopped", "Nothing was changed")

    def close(self) -> None:
        """Finish what is being learnt; what is only heard is given up."""
        self._listening = None
        self._worker.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---------------------------------------------------------------------------------------------------- the loop

    def _give_up(self, job: Listening, why: str, remedy: str) -> None:
        """Listen no more, and learn nothing."""
        self._listening = None
        del self._active[job.number]
        self._desk.end_learning(job.wanted.name)
        self._jobs[job.number] = _failed(job.so_far(self._jobs[job.number]), job.refusal(why, remedy))

    def _settle(self) -> None:
        """Note what the thread is done with, and a source from which nothing comes."""
        job = self._listening
        if job is not None and self._clock() - job.fed_s > SILENCE_S:
            self._give_up(
                job, f"no audio of {job.source} has come for {SILENCE_S:.0f} s", "Begin again when it is back"
            )
        while True:
            try:
                job, outcome = self._over.get_nowait()
            except Empty:
                return
            self._active.pop(job.number, None)
            self._jobs[job.number] = outcome
            self._desk.end_learning(job.wanted.name)
            self._desk.poll(now=True)

    def _source(self, named: str) -> str:
        sources = self._histories.sources
        if named:
            if named not in sources:
                remedy = f"Heard are: {', '.join(sources)}" if sources else "Wait until audio comes"
                raise UsageError(f"source {named}", "is not being heard", remedy)
            return named
        if len(sources) != 1:
            why = "nothing is being heard" if not sources else f"there are several: {', '.join(sources)}"
            raise UsageError("learning", why, "Name the source")
        return sources[0]

    def _new_job(self, job: MachineJob) -> int:
        self._last_job += 1
        self._jobs[self._last_job] = job
        while len(self._jobs) > REMEMBERED:
            del self._jobs[next(iter(self._jobs))]
        return self._last_job

    def _hand_over(self, job: Listening) -> bool:
        """Hand clips to the thread, as far as they may be kept; whether none waits for that any more."""
        while job.waiting:
            span, piece = job.waiting[0]
            verdict = self._privacy.verdict(job.source, span) if self._privacy else Verdict.CLEAR
            if verdict is Verdict.WAIT:
                return False
            job.waiting.popleft()
            if verdict is Verdict.CLEAR:
                self._worker.submit(self._take, job, piece)
            elif self._privacy:
                job.withheld += len(piece)
                self._privacy.count_clip(job.source)
        return True

    # -------------------------------------------------------------------------------------------------- the thread

    def _take(self, job: Listening, clip: Float32Array) -> None:
        """Keep a clip, or leave it out."""
        wanted = job.wanted
        try:
            if not wanted.even_alarms and self._teacher.rings(wanted.name, clip):
                job.refused += len(clip)
                return
        except Exception as fault:  # not swallowed: logged; the fit will meet and tell it
            log.error("a clip could not be judged", machine=wanted.name, exc_info=fault)
        job.clips.append(HeardClip(clip, f"{job.source}, live, clip {len(job.clips) + 1}"))

    def _finish(self, job: Listening) -> None:
        wanted = job.wanted
        told = job.so_far(MachineJob(wanted.name, "fitting", wanted.seconds))
        try:
            if told.refused_s > MOST_REFUSED * max(told.heard_s, 1.0):
                why = f"its alarm would ring in {told.refused_s:.0f} of {told.heard_s:.0f} s, which were left out"
                raise job.refusal(why, "Look after it; if it is sound, learn alarms too (--even-alarms)")
            taught = self._teacher.learn(wanted.name, job.clips, target=wanted.target, existing=wanted.existing)
            warnings = (*taught.warnings, *job.left_out())
            outcome = msgspec.structs.replace(told, state="done", clips=taught.clips, warnings=warnings)
        except AuricleError as error:
            outcome = _failed(told, error)
        except Exception as fault:  # not swallowed: logged, and told to whoever asked
            log.error("learning failed", machine=wanted.name, exc_info=fault)
            remedy = "The program's log has the details; please report it"
            outcome = _failed(told, UsageError("learning", f"the program failed: {fault}", remedy))
        self._over.put((job, outcome))


def _failed(job: MachineJob, error: AuricleError) -> MachineJob:
    return msgspec.structs.replace(job, state="failed", what=error.what, why=error.why, remedy=error.remedy)
