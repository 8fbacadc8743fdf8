"""Keeps up with the folder of enrolled species while the engine runs; not a stage, so it may read files."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from monitor.birds.enrolled import Enrolled
from monitor.birds.prototypes import PrototypeStore
from monitor.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.engine.models import EncoderModel
    from monitor.errors import AuricleError
    from monitor.settings import BirdsSettings

PERIOD_S = 1.0
"""Seconds between two looks at the folder."""

NAMED = 5
"""Species that a message names; of more it says how many."""


def open_enrollments(
    birds: BirdsSettings, folder: Path, encoder: EncoderModel | None, report: Callable[[AuricleError], None]
) -> Enrollments | None:
    """None where the settings want no tags. Raises StoreError when the folder cannot be read."""
    return Enrollments(folder, encoder, report) if birds.enabled and birds.tagging else None


class Enrollments:
    """The species that can be recognised now; one serves all streams of an engine.

    What cannot be used (damaged, of another encoder, no encoder at all) is handed to `report`, once each.
    """

    def __init__(self, folder: Path, encoder: EncoderModel | None, report: Callable[[AuricleError], None]) -> None:
        """A folder that does not exist is one without species. Raises StoreError when it cannot be read."""
        self.current: Enrolled | None = None
        """None where there are no species for the encoder."""
        self._encoder = encoder
        self._report = report
        self._reported: set[str] = set()
        self._store = PrototypeStore(folder)
        self._folder = folder
        self._due = monotonic() + PERIOD_S
        self._take()

    def poll(self, *, now: bool = False) -> None:
        """Look at the folder if it is time to (or `now`), and take what changed. Cheap; never raises."""
        if not now and monotonic() < self._due:
            return
        self._due = monotonic() + PERIOD_S
        try:
            if self._store.changed():
                self._store.reload()
                self._take()
        except StoreError as error:
            self._tell(str(error), error)

    def _take(self) -> None:
        for fault in self._store.faults:
            self._tell(str(fault), fault)
        if self._encoder is None:
            self._tell_unused(self._store.names(), "cannot be recognised without an encoder")
            return
        embedder = self._encoder.embedder
        species = self._store.for_encoder(embedder.model_id)
        names, vectors = species.matrix()
        unused = species.to_re_embed
        # Files brought in by hand may name the encoder and come from another of that name.
        fit = vectors.shape[1] == embedder.dimension
        if not fit:
            unused += names
        self._tell_unused(unused, f"were not learnt with {embedder.model_id}, and are not recognised")
        self.current = Enrolled.of(species, self._encoder.cohort, self._encoder.calibration) if fit else None

    def _tell_unused(self, names: tuple[str, ...], why: str) -> None:
        new = [name for name in names if f"{name} {why}" not in self._reported]
        if not new:
            return
        self._reported |= {f"{name} {why}" for name in new}
        more = f" and {len(new) - NAMED} more" if len(new) > NAMED else ""
        remedy = "Install the encoder that they were learnt with, or run `auricle species update`"
        self._report(StoreError(f"enrolled species {', '.join(new[:NAMED])}{more}", why, remedy))

    def _tell(self, key: str, error: AuricleError) -> None:
        if key not in self._reported:
            self._reported.add(key)
            self._report(error)
