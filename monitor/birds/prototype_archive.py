"""Prototypes and their audio as one file, a zip, to carry between installations; read with distrust."""

from __future__ import annotations

import os
import re
import uuid
import zipfile
from typing import TYPE_CHECKING

from monitor.birds.prototype_file import (
    DAMAGE,
    LARGEST_FILE,
    TEMPORARY,
    decode_audio,
    decode_prototype,
    file_name,
    settle,
)
from monitor.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from monitor.birds.prototype import ClipReference, Prototype

_MEMBER = re.compile(r"(?:prototypes|audio)/[a-z0-9_-]+\.npz", re.ASCII)
"""Names that an archive may hold: nothing absolute, no `..`, no other folder."""


def prototype_member(name: str) -> str:
    """Where a species lies in an archive."""
    return f"prototypes/{file_name(name)}"


def audio_member(clip: ClipReference) -> str:
    """Where a clip's audio lies in an archive."""
    return f"audio/{clip.sha256}.npz"


def write_archive(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write an archive whole or not at all. Raises OSError."""
    temporary = path.parent / f"{uuid.uuid4().hex}{TEMPORARY}"
    try:
        with temporary.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for member, content in members:
                    # A ZipInfo of its own has a fixed date: the same species give the same file.
                    archive.writestr(zipfile.ZipInfo(member), content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    settle(path.parent)


class Archive:
    """An archive that is open for reading; every member's name and size is checked, nothing is unpacked by name."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError when it is no archive of prototypes or holds anything else."""
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (*DAMAGE, ValueError) as error:
            raise self._refusal(f"cannot be read as an archive ({error})") from error
        try:
            self._check(path.stat().st_size)
            self.prototypes = self._prototypes()
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
            if not _MEMBER.fullmatch(member.orig_filename):
                raise self._refusal(f"holds {shown}, which is neither a prototype nor its audio")
            if (member.external_attr >> 28) not in (0, 0o10):
                raise self._refusal(f"{shown} is a link or a device")
            if member.flag_bits & 1 or member.compress_type != zipfile.ZIP_STORED:
                raise self._refusal(f"{shown} is compressed or encrypted, which our archives never are")
            if member.file_size > LARGEST_FILE:
                raise self._refusal(f"{shown} claims {member.file_size} bytes; {LARGEST_FILE} is the most")
        if len(set(names)) < len(names) or self.size > size:
            raise self._refusal("holds members twice, or more than it has bytes")

    def _prototypes(self) -> tuple[Prototype, ...]:
        found: list[Prototype] = []
        for member in self._zip.namelist():
            if not member.startswith("prototypes/"):
                continue
            try:
                prototype = decode_prototype(self._read(member))
            except ValueError as error:
                raise self._refusal(f"{member} {error}") from error
            if prototype_member(prototype.name) != member:
                raise self._refusal(f"{member} is the species {prototype.name}, which belongs elsewhere")
            found.append(prototype)
        if not found:
            raise self._refusal("holds no prototype")
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
