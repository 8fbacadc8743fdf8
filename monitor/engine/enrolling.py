"""Teaches species from audio that was just heard: commands are answered at once, a thread of its own does the work.

The audio is cut in the engine's loop, which holds it; embedding and writing happen in the thread, with sessions of its
own, so that the pipeline never waits for them. The store's change is then seen by whoever tags.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import structlog

from monitor.birds.clips import prepare_clip
from monitor.birds.enroll import enroll
from monitor.birds.expectation import Judge
from monitor.birds.prototype import species_name
from monitor.birds.prototypes import PrototypeStore
from monitor.birds.sound_embedder import embedder_of
from monitor.bus.enrollment import (
    ENROLL,
    ENROLLMENT,
    SPECIES,
    EnrollActivity,
    EnrolledSpecies,
    Enrollment,
    EnrollmentAsked,
    EnrollmentBegun,
    SpeciesList,
)
from monitor.core.clock import isoformat, seconds
from monitor.core.types import Span
from monitor.errors import AuricleError, UsageError
from monitor.inference.bundle import load_bundle

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from monitor.birds.sound_embedder import AnyEmbedder
    from monitor.bus.server import BusServer
    from monitor.engine.audio_history import Excerpt, Histories
    from monitor.engine.models import EncoderModel, GateModel, Models
    from monitor.engine.privacy_book import PrivacyBook
    from monitor.inference.bundle import Bundle

WAITING = 8
"""Jobs that may wait; of more the user is told."""

REMEMBERED = 64
"""Jobs whose outcome can still be asked for."""

log = structlog.get_logger()


class EnrollingService:
    """Answers `species`, `enroll` and `enrollment`. Everything public is called from the engine's loop."""

    def __init__(self, models: Models, folder: Path, histories: Histories, privacy: PrivacyBook | None = None) -> None:
        """`folder` is that of the prototype store; without a gate and an encoder nothing can be learnt.

        `privacy` says which audio must not be kept.
        """
        self._histories = histories
        self._privacy = privacy
        self._jobs: dict[int, Enrollment] = {}
        self._last_job = 0
        self._learner = (
            None if models.gate is None or models.encoder is None else _Learner(models.gate, models.encoder, folder)
        )
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="enrolling")
        self._refresh()

    @property
    def able(self) -> bool:
        """Whether species can be learnt: where not, no audio need be held."""
        return self._learner is not None

    def serve_on(self, server: BusServer) -> None:
        """Answer the commands that come to this server."""
        server.on(SPECIES, lambda _: self.species())
        server.on(ENROLL, self.begin, EnrollActivity)
        server.on(ENROLLMENT, self.progress, EnrollmentAsked)

    def species(self) -> SpeciesList:
        """What is enrolled, as of a moment ago. Raises StoreError when the store cannot be read."""
        if self._learner is None:
            return SpeciesList("", self._histories.held_s, ())
        self._refresh()
        if self._learner.fault is not None:
            raise self._learner.fault
        return SpeciesList(self._learner.encoder_id, self._histories.held_s, self._learner.listing)

    def begin(self, wanted: EnrollActivity) -> EnrollmentBegun:
        """Cut the audio and have it learnt.

        Raises UsageError when there is no encoder, the name is none, the audio is not held or must not be kept, or too
        many jobs wait.
        """
        learner = self._learner
        if learner is None:
            why = "this engine has no bird encoder, so it cannot learn species"
            raise UsageError("enrolling", why, "Install one (`auricle models list` shows what is there)")
        name = species_name(wanted.name)
        if not 0 <= wanted.start <= wanted.end:
            raise UsageError("enrolling", f"{wanted.start} to {wanted.end} is no stretch", "Choose a call")
        if sum(job.state == "working" for job in self._jobs.values()) >= WAITING:
            raise UsageError("enrolling", f"{WAITING} calls are being learnt already", "Try again in a few seconds")
        excerpt = self._histories.cut(wanted.source, Span(wanted.start, wanted.end))
        if self._privacy:
            self._privacy.require(wanted.source, excerpt.span)
        self._last_job += 1
        self._jobs[self._last_job] = Enrollment(name, "working")
        while len(self._jobs) > REMEMBERED:
            del self._jobs[next(iter(self._jobs))]
        self._worker.submit(self._work, self._last_job, learner, excerpt, wanted, name)
        return EnrollmentBegun(self._last_job)

    def progress(self, asked: EnrollmentAsked) -> Enrollment:
        """How a job fares. Raises UsageError when there is none by that number."""
        found = self._jobs.get(asked.job)
        if found is None:
            raise UsageError(f"job {asked.job}", "this engine knows nothing of it", "Enroll the call again")
        return found

    def close(self) -> None:
        """Finish what is being learnt; what only waits is given up."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refresh(self) -> None:
        """Look at the store again, off the loop: reading a thousand species takes a while."""
        if self._learner is not None and not self._learner.reading:
            self._learner.reading = True
            self._worker.submit(self._learner.read)

    def _work(self, job: int, learner: _Learner, excerpt: Excerpt, wanted: EnrollActivity, name: str) -> None:
        try:
            outcome = learner.learn(excerpt, wanted, name)
        except AuricleError as error:
            outcome = Enrollment(name, "failed", what=error.what, why=error.why, remedy=error.remedy)
        except Exception as fault:  # not swallowed: logged, and told to whoever asked
            log.error("enrolling failed", species=name, exc_info=fault)
            remedy = "The program's log has the details; please report it"
            outcome = Enrollment(name, "failed", what="enrolling", why=f"the program failed: {fault}", remedy=remedy)
        self._jobs[job] = outcome


class _Learner:
    """What the thread works with; only `listing`, `fault` and `reading` are looked at by the loop."""

    def __init__(self, gate: GateModel, encoder: EncoderModel, folder: Path) -> None:
        self.encoder_id = encoder.bundle.manifest.id
        self.listing: tuple[EnrolledSpecies, ...] = ()
        self.fault: AuricleError | None = None
        """Why the store cannot be read."""
        self.reading = False
        """Whether it will be read soon."""
        self._folder = folder
        self._gate = gate
        self._encoder = encoder
        self._judge = Judge(encoder.cohort, encoder.calibration, encoder.bundle.cohort)
        self._store: PrototypeStore | None = None
        self._own: tuple[Bundle, AnyEmbedder] | None = None

    def read(self) -> None:
        """Bring the listing up to date."""
        self.reading = False
        try:
            store = self._opened()
        except AuricleError as error:
            self.fault = error
            return
        except Exception as fault:
            log.error("the species cannot be listed", folder=str(self._folder), exc_info=fault)
            raise
        self.fault = None
        self.listing = tuple(
            EnrolledSpecies(one.name, len(one.clips), one.model_id == self.encoder_id) for one in store.list()
        )

    def learn(self, excerpt: Excerpt, wanted: EnrollActivity, name: str) -> Enrollment:
        """Raises AuricleError when nothing can be learnt from it."""
        if self._own is None:  # a session is for one thread, and the pipeline has its own
            self._own = load_bundle(self._gate.bundle.path), embedder_of(load_bundle(self._encoder.bundle.path))
        gate, embedder = self._own
        clip = prepare_clip(excerpt.samples, _origin(wanted), gate, embedder, self._gate.thresholds)
        learnt = enroll(self._opened(), name, [clip], embedder, self._judge, time.time_ns(), existing=wanted.existing)
        self.read()
        told = (*(f"the call {warning}" for warning in clip.warnings), *learnt.warnings)
        return Enrollment(learnt.prototype.name, "done", len(learnt.prototype.clips), told)

    def _opened(self) -> PrototypeStore:
        if self._store is None:
            self._store = PrototypeStore(self._folder)
        elif self._store.changed():
            self._store.reload()
        return self._store


def _origin(wanted: EnrollActivity) -> str:
    """Source and time, for people."""
    when = f"at {seconds(wanted.start):.1f} s" if wanted.utc_ns is None else isoformat(wanted.utc_ns)
    return f"{wanted.source} {when}"
