"""The species that were enrolled, in a folder: one file each, and the audio that they were learnt from."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Literal

from monitor.birds.prototype import EnrolledClip, Prototype, average, species_name
from monitor.birds.prototype_file import PROTOTYPES, encode_prototype, file_name
from monitor.birds.prototype_set import PrototypeSet, prototype_set
from monitor.errors import UsageError
from monitor.kept.archive import Archive
from monitor.kept.things import KeptThings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.core.types import Float32Array
    from monitor.kept.audio import ClipReference

Existing = Literal["refuse", "replace", "add"]
"""What to do with a name that is there already: refuse, forget its clips, or add clips to it."""


class PrototypeStore(KeptThings[Prototype]):
    """The species of a folder."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError when the folder cannot be read."""
        super().__init__(folder, PROTOTYPES)

    def for_encoder(self, model_id: str) -> PrototypeSet:
        """What an encoder can be compared with; lists the species that it must embed again."""
        return prototype_set(model_id, self.list())

    def matrix(self, model_id: str) -> tuple[tuple[str, ...], Float32Array]:
        """Names, and unit vectors float32 `(n, d)`, of the prototypes of an encoder."""
        return self.for_encoder(model_id).matrix()

    def audio(self, clip: ClipReference) -> Float32Array:
        """Kept samples, float32 `(n,)` at `clip.rate`. Raises StoreError when they are gone or damaged."""
        return self._folder.audio(clip)[0]

    def add(
        self,
        name: str,
        model_id: str,
        clips: Sequence[EnrolledClip],
        enrolled_utc_ns: int,
        threshold: float | None = None,
        existing: Existing = "refuse",
    ) -> Prototype:
        """Learn a species and keep its audio; returns what is stored.

        With `existing` "add" the clips come beside those that are there, which keep their threshold unless another is
        given. Raises UsageError when the name is there already or of another encoder, when two clips are the same
        audio, or when embeddings do not fit together; StoreError when it cannot be written.
        """
        name = species_name(name)
        with self._folder.writing():
            references = [clip.reference for clip in clips]
            rows = [(reference, clip.embedding) for reference, clip in zip(references, clips, strict=True)]
            fresh = average(name, model_id, rows, enrolled_utc_ns, threshold)
            planned = self._planned(fresh, existing, repeated=False)
            self._refuse_other_dimensions([planned])
            for reference, clip in zip(references, clips, strict=True):
                self._folder.write_audio(reference, clip.samples)
            self._folder.write({file_name(name): encode_prototype(planned)})
        return planned

    def set_threshold(self, name: str, threshold: float | None) -> Prototype:
        """Give a species its own threshold, or none. Raises UsageError when it is not there, StoreError."""
        with self._folder.writing():
            old = self.get(name)
            rows = list(zip(old.clips, old.embeddings, strict=True))
            new = average(old.name, old.model_id, rows, old.enrolled_utc_ns, threshold)
            self._folder.write({file_name(old.name): encode_prototype(new)})
        return new

    def import_from(
        self, path: Path, names: Sequence[str] | None = None, existing: Existing = "refuse"
    ) -> tuple[str, ...]:
        """Take over species (None: all) from an export; returns their names.

        Everything is checked before anything is changed. With `existing` "add" clips that are there already stay as
        they are. Raises UsageError when a name is there already, or is not in the archive; StoreError when the archive
        is damaged or holds anything that it should not, or the folder cannot be written.
        """
        with closing(Archive(path, PROTOTYPES)) as archive, self._folder.writing():
            chosen = self._chosen(archive, path, names)
            planned = [self._planned(prototype, existing, repeated=True) for prototype in chosen]
            self._refuse_other_dimensions(planned)
            clips = {clip.sha256: clip for prototype in chosen for clip in prototype.clips}
            for clip in clips.values():
                archive.audio(clip)
            self._folder.need(archive.size)
            for clip in clips.values():
                self._folder.write_audio_file(clip, archive.audio(clip))
            self._folder.write({file_name(one.name): encode_prototype(one) for one in planned})
        return tuple(prototype.name for prototype in planned)

    def _planned(self, fresh: Prototype, existing: Existing, *, repeated: bool) -> Prototype:
        """What is stored when `fresh` comes; `repeated`: clips that are there already are no fault."""
        file = file_name(fresh.name)
        fault = self._folder.fault(file)
        old = self._folder.things.get(file)
        if existing == "replace" or (old is None and fault is None):
            return fresh
        if fault is not None:
            raise fault
        if old is None or existing == "refuse":
            spelt = "" if old is None or old.name == fresh.name else f" as {old.name}"
            raise UsageError(f"species {fresh.name}", f"is there already{spelt}", "Use --replace or --add")
        if old.model_id != fresh.model_id:
            why = f"was learnt with {old.model_id}, the new clips with {fresh.model_id}"
            raise UsageError(f"species {old.name}", why, "Embed its audio again first, or use --replace")
        known = {clip.sha256 for clip in old.clips} if repeated else frozenset[str]()
        rows = [*zip(old.clips, old.embeddings, strict=True)]
        rows += [row for row in zip(fresh.clips, fresh.embeddings, strict=True) if row[0].sha256 not in known]
        threshold = old.threshold if repeated or fresh.threshold is None else fresh.threshold
        return average(old.name, old.model_id, rows, fresh.enrolled_utc_ns, threshold)

    def _refuse_other_dimensions(self, planned: Sequence[Prototype]) -> None:
        """Two models that share an id by mistake are told before they mix."""
        replaced = {file_name(prototype.name) for prototype in planned}
        others = [one for file, one in self._folder.things.items() if file not in replaced]
        widths = {one.model_id: one.dimension for one in others}
        for one in planned:
            width = widths.setdefault(one.model_id, one.dimension)
            if width != one.dimension:
                why = f"embeddings of {one.model_id} have {width} dimensions here, these have {one.dimension}"
                raise UsageError(f"species {one.name}", why, "Give the other encoder another name or version")
