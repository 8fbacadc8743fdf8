"""What personalisation keeps in the user's data folder, each file written whole or not at all.

gathered     the mixture as it would be sent, and when it was gathered; no vector, no audio
received     the newest answer of a back-end, not applied yet
bundles/     `<name>/<version>`: the classifier in use and the one before it
applied      which of them is in use, and which was before
lock         held by the engine that gathers
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec

from monitor.errors import BundleError, StoreError, UsageError
from monitor.inference.bundle import load_bundle
from monitor.kept.whole import TEMPORARY, read_limited, settle, write_whole
from monitor.scene.personal_answer import LARGEST as LARGEST_ANSWER
from monitor.scene.personal_answer import Made, decode_answer
from monitor.scene.soundclass import SoundClassifier

if TYPE_CHECKING:
    from collections.abc import Generator
    from io import IOBase
    from pathlib import Path

    from monitor.inference.bundle import Bundle

GATHERED, RECEIVED, APPLIED, BUNDLES, LOCK = "gathered", "received", "applied", "bundles", "lock"

LARGEST = 1_000_000
"""Bytes of a file of ours."""

T = TypeVar("T")


class Gathered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was gathered so far."""

    message: bytes
    """What `send` would send, as `personal_message` writes it."""
    since_ns: int
    """When the first vector came, nanoseconds since 1970."""
    updated_ns: int
    """When the newest came."""


class Applied(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which classifier is in use."""

    current: str | None
    """Its folder below `bundles`, `<name>/<version>`; None: the one that came with the program."""
    before: str | None
    """The one before it, for `revert`; None: the one that came with the program."""
    at_ns: int
    """When that was decided, nanoseconds since 1970."""
    made: Made | None = None
    """How the current one was made; None for the one that came with the program."""
    made_before: Made | None = None


class PersonalFolder:
    """Reads and writes all of it. Nothing here needs an engine that runs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    # ------------------------------------------------------------------------------------------- what was gathered

    def gathered(self) -> Gathered | None:
        """What an engine has gathered, None when nothing yet. Raises StoreError when the file is damaged."""
        return self._read(GATHERED, Gathered)

    def gather(self, state: Gathered) -> None:
        """Keep it. Raises StoreError."""
        self._write(GATHERED, msgspec.msgpack.encode(state))

    def forget(self) -> None:
        """Begin anew. Raises StoreError."""
        try:
            (self.path / GATHERED).unlink(missing_ok=True)
        except OSError as error:
            raise self._failure("cannot be written", error) from error

    @contextmanager
    def gathering(self) -> Generator[bool]:
        """Whether this process may gather: one at a time may. Raises StoreError."""
        lock: IOBase | None = None
        try:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                lock = (self.path / LOCK).open("a")
                fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                mine = True
            except BlockingIOError:
                mine = False
            except OSError as error:
                raise self._failure("cannot be written", error) from error
            yield mine
        finally:
            if lock is not None:
                lock.close()

    # --------------------------------------------------------------------------------------- what a back-end answered

    def received(self) -> bytes | None:
        """The newest answer, None when there is none. Raises StoreError."""
        try:
            return read_limited(self.path / RECEIVED, LARGEST_ANSWER)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._failure("cannot be read", error, RECEIVED) from error

    def receive(self, answer: bytes) -> None:
        """Keep an answer until it is applied. Raises UsageError when it is none, StoreError."""
        decode_answer(answer)
        self._write(RECEIVED, answer)

    # ------------------------------------------------------------------------------------------------- what is in use

    def applied(self) -> Applied | None:
        """What is in use, None when nothing was ever applied. Raises StoreError when the file is damaged."""
        return self._read(APPLIED, Applied)

    def mark(self) -> tuple[int, int] | None:
        """Another one whenever something was applied or reverted; cheap. Raises StoreError."""
        try:
            status = (self.path / APPLIED).stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failure("cannot be read", error, APPLIED) from error
        return status.st_mtime_ns, status.st_ino

    def load(self, base: Bundle, threads: int = 1) -> Bundle | None:
        """The classifier in use, checked; None where it is `base`, the one that came with the program.

        Raises StoreError, and BundleError when it is damaged or takes other features or labels than `base`.
        """
        applied = self.applied()
        if applied is None or applied.current is None:
            return None
        return _fitting(self.path / BUNDLES / applied.current, base, threads)

    def apply(self, answer: bytes, base: Bundle, now_ns: int) -> Applied:
        """Check an answer's bundle, install it and put it in use; the one in use is kept for `revert`.

        Raises UsageError, BundleError (damaged, self-test, other features or labels than `base`) and StoreError; what
        is in use stays then.
        """
        came = decode_answer(answer)
        scratch = self.path / BUNDLES / f"{uuid.uuid4().hex}{TEMPORARY}"
        staged = scratch / came.name / came.bundle_version
        try:
            if staged.resolve().parent.parent != scratch.resolve():
                raise UsageError("the answer", "its name or version is none", "Send the mixture again")
            staged.mkdir(parents=True)
            for name, content in came.files.items():
                write_whole(staged / name, content)
            manifest = _checked(staged, base).manifest
            if (manifest.name, manifest.version) != (came.name, came.bundle_version):
                told = f"says that it is {came.name}@{came.bundle_version}, and is {manifest.id}"
                raise UsageError("the answer", told, "Send the mixture again")
            return self._install(staged, f"{came.name}/{came.bundle_version}", came.made, now_ns)
        except OSError as error:
            raise self._failure("cannot be written", error) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def revert(self, now_ns: int) -> Applied:
        """Put the one before in use again; twice is back. Raises UsageError when nothing was applied, StoreError."""
        applied = self.applied()
        if applied is None:
            remedy = "`auricle scene personalize status` shows what is in use"
            raise UsageError("the personal classifier", "none was ever applied", remedy)
        swapped = Applied(applied.before, applied.current, now_ns, applied.made_before, applied.made)
        self._write(APPLIED, msgspec.msgpack.encode(swapped))
        return swapped

    def _install(self, staged: Path, place: str, made: Made, now_ns: int) -> Applied:
        """Raises OSError and StoreError."""
        old = self.applied()
        if old is not None and old.current == place:
            raise UsageError("the answer", f"{place} is in use already", "Send the mixture again for a newer one")
        target = self.path / BUNDLES / place
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        staged.replace(target)
        settle(target.parent)
        before = old.current if old else None
        applied = Applied(place, before, now_ns, made, old.made if old else None)
        # Last: until this is written, the one before is in use.
        self._write(APPLIED, msgspec.msgpack.encode(applied))
        self._tidy({place, before})
        return applied

    def _tidy(self, needed: set[str | None]) -> None:
        """Older classifiers go; a failure to remove one is no failure to apply another."""
        for folder in (self.path / BUNDLES).glob("*/*"):
            if f"{folder.parent.name}/{folder.name}" not in needed and folder.parent.suffix != TEMPORARY:
                shutil.rmtree(folder, ignore_errors=True)

    # ------------------------------------------------------------------------------------------------------- files

    def _read(self, name: str, kind: type[T]) -> T | None:
        try:
            return msgspec.msgpack.decode(read_limited(self.path / name, LARGEST), type=kind)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise self._failure("cannot be read", error, name) from error

    def _write(self, name: str, content: bytes) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_whole(self.path / name, content)
        except OSError as error:
            raise self._failure("cannot be written", error, name) from error

    def _failure(self, why: str, error: Exception, name: str = "") -> StoreError:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        remedy = "Check its permissions and the free space; a damaged file may be deleted"
        return StoreError(str(self.path / name), f"{why}: {reason}", remedy)


def _checked(staged: Path, base: Bundle) -> Bundle:
    """`_fitting`, told of an answer and not of a folder that is soon gone."""
    try:
        return _fitting(staged, base, 1)
    except BundleError as error:
        why = error.why.replace(f"{staged}/", "")
        remedy = error.remedy if error.remedy.startswith("Gather") else "Send the mixture again; what is in use stays"
        raise BundleError("the answer's classifier", why, remedy) from error


def _fitting(folder: Path, base: Bundle, threads: int) -> Bundle:
    """The bundle in a folder. Raises BundleError when it is damaged or does not take the place of `base`."""
    bundle = load_bundle(folder, threads)
    SoundClassifier(bundle).require_like(base)
    return bundle
