"""Enrolled things and their audio as one file, a zip, to carry between installations; read with distrust."""

from __future__ import annotations

import os
import re
import uuid
import zipfile
from typing import TYPE_CHECKING, Generic, TypeVar

from monitor.errors import StoreError
from monitor.kept.audio import LARGEST_FILE, decode_audio
from monitor.kept.npz import DAMAGE
from monitor.kept.whole import TEMPORARY, settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from monitor.kept.audio import ClipReference
    from monitor.kept.folder import KeptFolder
    from monitor.kept.kind import Kind

T = TypeVar("T")


def member_of(kind: Kind[T], name: str) -> str:
    """Where a thing lies in an archive."""
    return f"{kind.file}s/{kind.file_name(name)}"


def audio_member(clip: ClipReference) -> str:
    """Where a clip's audio lies in an archive."""
    return f"audio/{clip.sha256}.npz"


def members_of(folder: KeptFolder[T], chosen: Sequence[T]) -> Iterator[tuple[str, bytes]]:
    """What an archive of some things holds, each audio once. Raises StoreError when audio is gone or damaged."""
    kind = folder.kind
    written: set[str] = set()
    for thing in chosen:
        yield member_of(kind, kind.name_of(thing)), kind.encode(thing)
        for clip in kind.clips_of(thing):
            if clip.sha256 not in written:
                written.add(clip.sha256)
                yield audio_member(clip), folder.audio(clip)[1]


def write_archive(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write an archive whole or not at all. Raises OSError."""
    temporary = path.parent / f"{uuid.uuid4().hex}{TEMPORARY}"
    try:
        with temporary.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for member, content in members:
                    # A ZipInfo of its own has a fixed date: the same things give the same file.
                    archive.writestr(zipfile.ZipInfo(member), content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    settle(path.parent)


class Archive(Generic[T]):
    """An archive that is open for reading; every member's name and size is checked, nothing is unpacked by name."""

    def __init__(self, path: Path, kind: Kind[T]) -> None:
        """Raises StoreError when it is no archive of that kind or holds anything else."""
        self._path = path
        self._kind = kind
        # Names that an archive may hold: nothing absolute, no `..`, no other folder.
        self._member = re.compile(rf"(?:{kind.file}s|audio)/[a-z0-9_-]+\.npz", re.ASCII)
        try:
            self._zip = zipfile.ZipFile(path)
        except (*DAMAGE, ValueError) as error:
            raise self._refusal(f"cannot be read as an archive ({error})") from error
        try:
            self._check(path.stat().st_size)
            self.things = self._things()
        except BaseException:
            self._zip.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()

    @property
    def size(self) -> int:
        """Bytes of all members."""
        return sum(member.file_size for member in self._zip.infolist())

    def audio(self, clip: ClipReference) -> bytes:
        """The audio file of a clip, checked. Raises StoreError."""
        content = self._read(audio_member(clip))
        try:
            decode_audio(content, clip)
        except ValueError as error:
            raise self._refusal(f"{audio_member(clip)} {error}") from error
        return content

    def _check(self, size: int) -> None:
        members = self._zip.infolist()
        names = [member.filename for member in members]
        for member in members:
            shown = ascii(member.orig_filename[:120])
            # orig_filename: zipfile cuts names at a zero byte and turns backslashes.
            if not self._member.fullmatch(member.orig_filename):
                raise self._refusal(f"holds {shown}, which is neither a {self._kind.file} nor its audio")
            if (member.external_attr >> 28) not in (0, 0o10):
                raise self._refusal(f"{shown} is a link or a device")
            if member.flag_bits & 1 or member.compress_type != zipfile.ZIP_STORED:
                raise self._refusal(f"{shown} is compressed or encrypted, which our archives never are")
            if member.file_size > LARGEST_FILE:
                raise self._refusal(f"{shown} claims {member.file_size} bytes; {LARGEST_FILE} is the most")
        if len(set(names)) < len(names) or self.size > size:
            raise self._refusal("holds members twice, or more than it has bytes")

    def _things(self) -> tuple[T, ...]:
        found: list[T] = []
        for member in self._zip.namelist():
            if not member.startswith(f"{self._kind.file}s/"):
                continue
            try:
                thing = self._kind.decode(self._read(member))
            except ValueError as error:
                raise self._refusal(f"{member} {error}") from error
            name = self._kind.name_of(thing)
            if member_of(self._kind, name) != member:
                raise self._refusal(f"{member} is the {self._kind.thing} {name}, which belongs elsewhere")
            found.append(thing)
        if not found:
            raise self._refusal(f"holds no {self._kind.file}")
        return tuple(found)

    def _read(self, member: str) -> bytes:
        try:
            return self._zip.read(member)
        except KeyError:
            raise self._refusal(f"lacks {member}") from None
        except (*DAMAGE, ValueError) as error:
            raise self._refusal(f"{member} cannot be read ({error})") from error

    def _refusal(self, why: str) -> StoreError:
        return StoreError(f"archive {self._path}", why, "Export it again; nothing was imported")
