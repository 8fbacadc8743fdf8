"""A folder of enrolled things: who may write, what changed, and which files are damaged or no longer needed."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from monitor.errors import StoreError
from monitor.kept.audio import LARGEST_FILE, decode_audio, encode_audio
from monitor.kept.whole import TEMPORARY, read_limited, settle, stage, write_whole

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from monitor.core.types import Float32Array
    from monitor.kept.audio import ClipReference
    from monitor.kept.kind import Kind

T = TypeVar("T")

PATIENCE_S = 30.0
"""How long a writer waits for another to finish."""

Mark = tuple[int, int, int]
"""Time of change (ns), size and inode of a file: another file has another."""


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    mark: Mark
    content: T | None
    fault: StoreError | None


class KeptFolder(Generic[T]):
    """`*.npz`: a thing each; `audio/`: clips by checksum; `revision`: new with every change; `lock`: for writers."""

    def __init__(self, path: Path, kind: Kind[T]) -> None:
        self.path = path
        self.kind = kind
        self.things: dict[str, T] = {}
        """By file name."""
        self._faults: dict[str, StoreError] = {}
        self._entries: dict[str, _Entry[T]] = {}
        self._seen: tuple[str, int] | None = None

    @property
    def faults(self) -> tuple[StoreError, ...]:
        """One for each damaged file."""
        return tuple(self._faults.values())

    def fault(self, file: str) -> StoreError | None:
        """What is wrong with a file."""
        return self._faults.get(file)

    def audio_path(self, sha256: str) -> Path:
        """Where the audio with that checksum lies."""
        return self.path / "audio" / f"{sha256}.npz"

    def audio(self, clip: ClipReference) -> tuple[Float32Array, bytes]:
        """Samples of a clip's file, and its content. Raises StoreError when it is gone or damaged."""
        path = self.audio_path(clip.sha256)
        try:
            content = read_limited(path, LARGEST_FILE)
            return decode_audio(content, clip), content
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            what = f"kept audio of {clip.origin} ({path})"
            raise StoreError(what, str(why), f"Enroll the {self.kind.thing} again, from its recordings") from error

    def changed(self) -> bool:
        """Whether `reload` would find something else. Raises StoreError."""
        return self._signature() != self._seen

    def reload(self) -> None:
        """Read the files that are new or other. Raises StoreError when the folder cannot be read."""
        # Taken before the files: what changes meanwhile is noticed the next time.
        signature = self._signature()
        entries: dict[str, _Entry[T]] = {}
        try:
            found = sorted(os.scandir(self.path), key=lambda item: item.name) if signature else []
            for item in found:
                if item.name.endswith(".npz") and item.is_file():
                    # Removed since the folder was listed: as if it had never been there.
                    with suppress(FileNotFoundError):
                        status = item.stat()
                        mark = (status.st_mtime_ns, status.st_size, status.st_ino)
                        known = self._entries.get(item.name)
                        entries[item.name] = known if known and known.mark == mark else self._read(item.name, mark)
        except OSError as error:
            raise self._failure("cannot be read", error) from error
        self._entries = entries
        self.things = {file: one.content for file, one in entries.items() if one.content is not None}
        self._faults = {file: one.fault for file, one in entries.items() if one.fault is not None}
        self._seen = signature

    @contextmanager
    def writing(self) -> Generator[None]:
        """The folder as it is now, for this process alone; afterwards it is tidy and read again. Raises StoreError."""
        try:
            (self.path / "audio").mkdir(parents=True, exist_ok=True)
            with (self.path / "lock").open("a") as lock:
                self._take(lock.fileno())
                self.reload()
                yield
                write_whole(self.path / "revision", uuid.uuid4().hex.encode())
                self.reload()
                self._tidy()
                # Tidying changes the folder too.
                self._seen = self._signature()
        except OSError as error:
            raise self._failure("cannot be written", error) from error

    def need(self, size: int) -> None:
        """Raises StoreError when the disk has less than `size` bytes free; OSError."""
        free = shutil.disk_usage(self.path).free
        if size > free:
            why = f"{size} bytes are needed, {free} are free"
            raise StoreError(f"{self.kind.store} {self.path}", why, "Make room; nothing was changed")

    def write_audio(self, clip: ClipReference, samples: Float32Array) -> None:
        """Keep a clip's audio; `write` makes it last. Raises OSError."""
        self.write_audio_file(clip, encode_audio(samples, clip.rate))

    def write_audio_file(self, clip: ClipReference, content: bytes) -> None:
        """`write_audio`, of the content of its file."""
        path = self.audio_path(clip.sha256)
        temporary = stage(path.parent, content)
        # Written anew even where it is: that mends a damaged one.
        temporary.replace(path)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files of things: all reach the disk before the first is seen. Raises OSError."""
        staged: dict[str, Path] = {}
        try:
            for file, content in files.items():
                staged[file] = stage(self.path, content)
            # Audio is there before the thing that names it.
            settle(self.path / "audio")
            for file, temporary in staged.items():
                temporary.replace(self.path / file)
        except OSError:
            for temporary in staged.values():
                temporary.unlink(missing_ok=True)
            raise
        settle(self.path)

    def remove(self, file: str) -> None:
        """Remove the file of a thing. Raises OSError."""
        (self.path / file).unlink()
        settle(self.path)

    def _read(self, file: str, mark: Mark) -> _Entry[T]:
        path = self.path / file
        try:
            thing = self.kind.decode(read_limited(path, LARGEST_FILE))
            name = self.kind.name_of(thing)
            if self.kind.file_name(name) != file:
                raise ValueError(f"is a copy of {self.kind.file_name(name)}, the {self.kind.thing} {name}")
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            remedy = f"Enroll the {self.kind.thing} again with --replace, or delete the file"
            return _Entry(mark, None, StoreError(f"{self.kind.file} {path}", str(why), remedy))
        return _Entry(mark, thing, None)

    def _signature(self) -> tuple[str, int] | None:
        """Revision and time of change of the folder (for files that came or went by hand), None without a folder."""
        try:
            changed_ns = self.path.stat().st_mtime_ns
            return (self.path / "revision").read_text("ascii", errors="replace"), changed_ns
        except FileNotFoundError:
            return ("", self.path.stat().st_mtime_ns) if self.path.is_dir() else None
        except OSError as error:
            raise self._failure("cannot be read", error) from error

    def _take(self, lock: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    why = f"another program has been writing it for {PATIENCE_S:.0f} s"
                    raise StoreError(f"{self.kind.store} {self.path}", why, "Wait until it is done") from None
                time.sleep(0.02)
            else:
                return

    def _tidy(self) -> None:
        """Remove what an interrupted writer left, and audio that nothing needs."""
        for folder in (self.path, self.path / "audio"):
            for left in folder.glob(f"*{TEMPORARY}"):
                left.unlink(missing_ok=True)
        if self._faults:
            # What a damaged one needs cannot be told.
            return
        needed = {clip.sha256 for one in self.things.values() for clip in self.kind.clips_of(one)}
        for path in (self.path / "audio").glob("*.npz"):
            if path.stem not in needed:
                path.unlink(missing_ok=True)

    def _failure(self, why: str, error: OSError) -> StoreError:
        remedy = "Check the folder, its permissions and the free space"
        return StoreError(f"{self.kind.store} {self.path}", f"{why} ({error.strerror or error})", remedy)
