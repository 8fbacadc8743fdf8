"""Enrolled things of one kind as people name them: found, listed, forgotten, and carried to other installations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from monitor.errors import StoreError, UsageError
from monitor.kept.archive import members_of, write_archive
from monitor.kept.folder import KeptFolder
from monitor.kept.name import name_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.kept.archive import Archive
    from monitor.kept.kind import Kind

T = TypeVar("T")


class KeptThings(Generic[T]):
    """What a folder held when it was last read; writing reads it anew.

    Several processes may use a folder at once: writers take turns, files change whole, and readers ask `changed()`.
    """

    def __init__(self, folder: Path, kind: Kind[T]) -> None:
        """A folder that does not exist is an empty store. Raises StoreError when it cannot be read."""
        self._kind = kind
        self._folder = KeptFolder(folder, kind)
        self._folder.reload()

    @property
    def faults(self) -> tuple[StoreError, ...]:
        """One for each file that is damaged, which is as if it were not there."""
        return self._folder.faults

    def changed(self) -> bool:
        """Whether anyone wrote since the folder was last read; cheap. Raises StoreError."""
        return self._folder.changed()

    def reload(self) -> None:
        """Read what changed. Raises StoreError when the folder cannot be read."""
        self._folder.reload()

    def list(self) -> tuple[T, ...]:
        """All that can be read, by name."""
        return tuple(sorted(self._folder.things.values(), key=lambda thing: name_key(self._kind.name_of(thing))))

    def names(self) -> tuple[str, ...]:
        """Of all that can be read, in order."""
        return tuple(self._kind.name_of(thing) for thing in self.list())

    def has(self, name: str) -> bool:
        """Whether something is enrolled under the name, damaged or not. Raises UsageError when it is no name."""
        file = self._file(name)
        return file in self._folder.things or self._folder.fault(file) is not None

    def get(self, name: str) -> T:
        """The thing, upper or lower case alike. Raises UsageError when it is not there, StoreError when damaged."""
        file = self._file(name)
        fault = self._folder.fault(file)
        if fault is not None:
            raise fault
        if file not in self._folder.things:
            thing = self._kind.thing
            raise UsageError(f"{thing} {name}", "is not enrolled", f"List the names with `auricle {thing} list`")
        return self._folder.things[file]

    def remove(self, name: str) -> None:
        """Forget a thing (a damaged one too) and the audio that no other needs. Raises UsageError, StoreError."""
        with self._folder.writing():
            if not self.has(name):
                self.get(name)
            self._folder.remove(self._file(name))

    def export_to(self, path: Path, names: Sequence[str] | None = None, *, replace: bool = False) -> tuple[str, ...]:
        """Write things (None: all) with their audio to one file; returns their names.

        Raises UsageError when the file is there already, a name is not, or there is nothing to write; StoreError when
        audio is damaged or the file cannot be written.
        """
        what = f"archive {path}"
        if path.exists() and not replace:
            raise UsageError(what, "is there already", "Choose another name, or use --force")
        chosen = self.list() if names is None else tuple({name_key(n): self.get(n) for n in names}.values())
        if not chosen:
            raise UsageError(what, "there is nothing to export", f"Enroll a {self._kind.thing} first")
        try:
            write_archive(path, members_of(self._folder, chosen))
        except OSError as error:
            why = f"cannot be written ({error.strerror or error})"
            raise StoreError(what, why, "Check the folder, its permissions and the free space") from error
        return tuple(self._kind.name_of(thing) for thing in chosen)

    def _chosen(self, archive: Archive[T], path: Path, names: Sequence[str] | None) -> tuple[T, ...]:
        """Those of an archive that were asked for (None: all). Raises UsageError for a name that it does not hold."""
        if names is None:
            return archive.things
        found = {name_key(self._kind.name_of(thing)): thing for thing in archive.things}
        wanted = {name_key(self._kind.parse_name(name)): name for name in names}
        missing = [name for key, name in wanted.items() if key not in found]
        if missing or not wanted:
            why = f"does not hold {', '.join(missing)}" if missing else f"no {self._kind.thing} was named"
            holds = ", ".join(self._kind.name_of(thing) for thing in archive.things)
            raise UsageError(f"archive {path}", why, f"It holds {holds}")
        return tuple(found[key] for key in wanted)

    def _file(self, name: str) -> str:
        """Of the thing with that name. Raises UsageError when it is no name."""
        return self._kind.file_name(self._kind.parse_name(name))
