"""The personal classifier of sound classes: gathers what is heard into a mixture, and runs what was applied.

Not a stage, so it may read files and clocks. One serves all streams of an engine. What it keeps on disk is the mixture
as it may leave the device, and nothing else: no vector, no audio.
"""

from __future__ import annotations

import time
from time import monotonic
from typing import TYPE_CHECKING

from monitor.bus.personalisation import PERSONAL, PERSONAL_APPLY, PERSONAL_REVERT, PersonalStatus
from monitor.errors import AuricleError, BundleError, StoreError, UsageError
from monitor.scene.gathering import MixtureGatherer, TooFewVectorsError
from monitor.scene.personal_answer import decode_answer
from monitor.scene.personal_basis import to_basis
from monitor.scene.personal_folder import Gathered, PersonalFolder
from monitor.scene.personal_message import decode_message, encode_mixture, mixture_of
from monitor.scene.soundclass import SoundClassifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

    from monitor.bus.server import BusServer
    from monitor.core.types import Window
    from monitor.engine.models import Models
    from monitor.features.ams_spec import AmsSpec
    from monitor.inference.bundle import Bundle
    from monitor.settings import PersonalizeSettings

PERIOD_S = 1.0
"""Seconds between two looks at what was applied."""

SAVE_S = 60.0
"""Seconds of gathering that a crash may cost."""

SHIPPED = "the one that came with the program"


def open_personal(
    settings: PersonalizeSettings,
    folder: Path,
    models: Models,
    report: Callable[[AuricleError], None],
    stack: ExitStack,
    *,
    live: bool,
) -> Personalisation | None:
    """None where no sound classes are told. `live`: whether this is a microphone and no recording.

    What was gathered is written when `stack` closes. Raises StoreError when the folder cannot be used.
    """
    if models.sound_class is None:
        return None
    kept = PersonalFolder(folder)
    why_not = "" if settings.gather else "switched off (sound.personalize.gather)"
    if settings.gather and not live and not settings.recordings:
        why_not = "recordings do not count (sound.personalize.recordings)"
    if not why_not and not stack.enter_context(kept.gathering()):
        why_not = "another engine gathers already"
    found = Personalisation(settings.components, kept, models.sound_class, report, why_not)
    stack.callback(found.close)
    return found


class Personalisation:
    """`current` is what shall run; `hear` takes what the classifier is given. Faults are handed to `report`."""

    def __init__(
        self,
        components: int,
        folder: PersonalFolder,
        base: Bundle,
        report: Callable[[AuricleError], None],
        why_not: str = "",
        *,
        clock: Callable[[], float] = monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`base` came with the program; `why_not`: why nothing is gathered, empty where it is. Raises StoreError."""
        self.current = base
        self._base = base
        self._classifier = SoundClassifier(base)
        self._folder = folder
        self._report = report
        self._why_not = why_not
        self._clock = clock
        self._now_ns = now_ns
        self._reported: set[str] = set()
        self._mark: tuple[int, int] | None = None
        self._fault = ""
        self._due = clock()
        self._save_due = clock() + SAVE_S
        self._components = components
        self._gatherer = MixtureGatherer(self._dimension, components)
        self._since_ns = self._updated_ns = 0
        self._unsaved = self._saved = False
        if not why_not:
            self._resume()
        self.poll()

    @property
    def gathers(self) -> bool:
        """Whether what is heard is added to the mixture."""
        return not self._why_not

    def hear(self, window: Window) -> None:
        """Take the vectors of a decision into the mixture; they are kept nowhere else."""
        if not self.gathers or window.spec_id != self._spec.fingerprint:
            return
        self._gatherer.add(to_basis(window.values[None])[0])
        self._updated_ns = self._now_ns()
        self._since_ns = self._since_ns or self._updated_ns
        self._unsaved = True

    def poll(self, *, now: bool = False) -> None:
        """Look at what was applied, and write what was gathered, if it is time to (or `now`). Cheap; never raises."""
        if not now and self._clock() < self._due:
            return
        self._due = self._clock() + PERIOD_S
        self._follow()
        if self._unsaved and self._clock() >= self._save_due:
            self.save()

    def save(self) -> None:
        """Write the mixture, as it would be sent; while too little was heard for that, nothing. Never raises."""
        self._save_due = self._clock() + SAVE_S
        try:
            if self._saved and self._folder.gathered() is None:
                # Somebody wants to begin anew.
                self._gatherer = MixtureGatherer(self._dimension, self._components)
                self._since_ns, self._saved, self._unsaved = self._updated_ns, False, False
                return
            self._folder.gather(Gathered(self._message(), self._since_ns, self._updated_ns))
        except TooFewVectorsError:
            return  # it goes on gathering; status says how much there is
        except StoreError as error:
            self._tell(error)
            return
        self._saved, self._unsaved = True, False

    def close(self) -> None:
        """Write what was not written yet."""
        if self._unsaved:
            self.save()

    # ------------------------------------------------------------------------------------------------------ commands

    def serve_on(self, server: BusServer) -> None:
        """Answer the commands that come to this server."""
        server.on(PERSONAL, lambda _: self.status())
        server.on(PERSONAL_APPLY, lambda _: self.apply())
        server.on(PERSONAL_REVERT, lambda _: self.revert())

    def status(self) -> PersonalStatus:
        """How much was gathered, and what runs. Raises StoreError when the folder cannot be read."""
        self.poll(now=True)
        applied = self._folder.applied()
        answer = self._folder.received()
        waiting = decode_answer(answer) if answer is not None else None
        place = f"{waiting.name}/{waiting.bundle_version}" if waiting else ""
        components = numbers = 0
        if self.gathers:
            try:
                sendable = self._gatherer.sendable()
                components, numbers = sendable.components, sendable.numbers
            except TooFewVectorsError:
                pass  # told by the zero
        personal = self.current is not self._base
        return PersonalStatus(
            gathering=self.gathers,
            why_not=self._why_not,
            vectors=round(self._gatherer.gathered),
            components=components,
            numbers=numbers,
            fitted_ns=self._updated_ns or None,
            since_ns=self._since_ns or None,
            model=self.current.manifest.id,
            personal=personal,
            before="" if applied is None else applied.before or SHIPPED,
            applied_ns=None if applied is None else applied.at_ns,
            made=tuple(applied.made.lines()) if applied and applied.made and personal else (),
            received="" if applied is not None and applied.current == place else place,
            fault=self._fault,
        )

    def apply(self) -> PersonalStatus:
        """Put the newest answer of a back-end in use. Raises UsageError, BundleError or StoreError: nothing changes."""
        answer = self._folder.received()
        if answer is None:
            remedy = "`auricle scene personalize send ADDRESS` asks a back-end for one"
            raise UsageError("the personal classifier", "no answer of a back-end is there", remedy)
        self._folder.apply(answer, self._base, self._now_ns())
        return self.status()

    def revert(self) -> PersonalStatus:
        """Put the classifier in use that was before. Raises UsageError or StoreError: nothing changes."""
        self._folder.revert(self._now_ns())
        return self.status()

    # ------------------------------------------------------------------------------------------------------ inside

    @property
    def _spec(self) -> AmsSpec:
        return self._classifier.spec

    @property
    def _dimension(self) -> int:
        return self._classifier.cut.frames * self._spec.bands

    def _message(self) -> bytes:
        """Raises TooFewVectorsError."""
        mixture, gathered = self._gatherer.sendable(), self._gatherer.gathered
        return encode_mixture(mixture, self._spec.fingerprint, self._classifier.cut.frames, round(gathered))

    def _resume(self) -> None:
        """Go on with what is on disk; what cannot be used is told, and replaced when there is more."""
        try:
            kept = self._folder.gathered()
            if kept is None:
                return
            message = decode_message(kept.message)
            mixture = mixture_of(message, self._spec.fingerprint, self._classifier.cut.frames, self._spec.bands)
        except (UsageError, StoreError) as error:
            self._tell(StoreError("what was gathered", f"cannot be gone on with: {error.why}", "It begins anew"))
            return
        most = max(self._components, mixture.components)
        self._gatherer = MixtureGatherer.resume(mixture, float(message.vectors), most)
        self._gatherer.limit(self._components)
        self._since_ns, self._updated_ns, self._saved = kept.since_ns, kept.updated_ns, True

    def _follow(self) -> None:
        """Run what is applied; when that cannot be used, what runs goes on."""
        try:
            mark = self._folder.mark()
            if mark == self._mark:
                return
            # Noted first: what cannot be used is told once, and not each second.
            self._mark = mark
            self.current = self._folder.load(self._base) or self._base
            self._fault = ""
        except (StoreError, BundleError) as error:
            self._fault = f"{error.what}: {error.why}"
            self._tell(error)

    def _tell(self, error: AuricleError) -> None:
        if str(error) not in self._reported:
            self._reported.add(str(error))
            self._report(error)
