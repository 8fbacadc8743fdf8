"""The machines that were enrolled, in a folder: one file each, and the audio that they were learnt from.

Several processes may use a folder at once: writers take turns, files change whole, and readers ask `changed()`.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from monitor.errors import StoreError, UsageError
from monitor.kept.archive import Archive, members_of, write_archive
from monitor.kept.folder import KeptFolder
from monitor.kept.name import name_key
from monitor.machines.name import machine_name
from monitor.machines.profile_file import MACHINES, encode_profile
from monitor.machines.sounds import RATE, Sound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.machines.profile import MachineProfile, NormalClip


class MachineFolder:
    """What a folder held when it was last read; writing reads it anew."""

    def __init__(self, folder: Path) -> None:
        """A folder that does not exist is an empty store. Raises StoreError when it cannot be read."""
        self._folder = KeptFolder(folder, MACHINES)
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

    def list(self) -> tuple[MachineProfile, ...]:
        """All that can be read, by name."""
        return tuple(sorted(self._folder.things.values(), key=lambda profile: name_key(profile.name)))

    def has(self, name: str) -> bool:
        """Whether something is enrolled under the name, damaged or not. Raises UsageError when it is no name."""
        file = MACHINES.file_name(machine_name(name))
        return file in self._folder.things or self._folder.fault(file) is not None

    def get(self, name: str) -> MachineProfile:
        """A machine, upper or lower case alike. Raises UsageError when it is not there, StoreError when damaged."""
        file = MACHINES.file_name(machine_name(name))
        fault = self._folder.fault(file)
        if fault is not None:
            raise fault
        if file not in self._folder.things:
            raise UsageError(f"machine {name}", "is not enrolled", "List the names with `auricle machine list`")
        return self._folder.things[file]

    def sound(self, clip: NormalClip) -> Sound:
        """The kept audio of a clip. Raises StoreError when it is gone or damaged."""
        return Sound(self._folder.audio(clip.audio)[0], clip.origin, RATE)

    def path(self, clip: NormalClip) -> Path:
        """Where the kept audio of a clip lies: npz with `samples` at `rate`."""
        return self._folder.audio_path(clip.audio.sha256)

    def save(self, profile: MachineProfile, sounds: Sequence[Sound], *, replace: bool = False) -> None:
        """Store a machine with the audio that it was learnt from, all of it or none.

        Raises UsageError when the name is there already and must not be replaced, StoreError when it cannot be written.
        """
        with self._folder.writing():
            file = MACHINES.file_name(profile.name)
            self._refuse_existing(profile.name, replace=replace)
            self._folder.need(sum(4 * len(sound.samples) for sound in sounds))
            for sound in sounds:
                self._folder.write_audio(sound.reference, sound.samples)
            self._folder.write({file: encode_profile(profile)})

    def learn_again(
        self, name: str, learn: Callable[[MachineProfile], tuple[MachineProfile, Sequence[Sound]]]
    ) -> MachineProfile:
        """Replace a machine by what `learn` makes of it, with further audio; nobody else writes meanwhile.

        Raises UsageError when it is not there, StoreError, and what `learn` raises.
        """
        with self._folder.writing():
            profile, sounds = learn(self.get(name))
            for sound in sounds:
                self._folder.write_audio(sound.reference, sound.samples)
            self._folder.write({MACHINES.file_name(profile.name): encode_profile(profile)})
        return profile

    def remove(self, name: str) -> None:
        """Forget a machine (a damaged one too) and the audio that no other needs. Raises UsageError, StoreError."""
        with self._folder.writing():
            if not self.has(name):
                self.get(name)
            self._folder.remove(MACHINES.file_name(machine_name(name)))

    def export_to(self, path: Path, names: Sequence[str] | None = None, *, replace: bool = False) -> tuple[str, ...]:
        """Write machines (None: all) with their audio to one file; returns their names.

        Raises UsageError when the file is there already, a name is not, or there is nothing to write; StoreError when
        audio is damaged or the file cannot be written.
        """
        what = f"archive {path}"
        if path.exists() and not replace:
            raise UsageError(what, "is there already", "Choose another name, or say that it may be replaced")
        chosen = self.list() if names is None else tuple({name_key(n): self.get(n) for n in names}.values())
        if not chosen:
            raise UsageError(what, "there is nothing to export", "Enroll a machine first")
        try:
            write_archive(path, members_of(self._folder, chosen))
        except OSError as error:
            why = f"cannot be written ({error.strerror or error})"
            raise StoreError(what, why, "Check the folder, its permissions and the free space") from error
        return tuple(profile.name for profile in chosen)

    def import_from(self, path: Path, names: Sequence[str] | None = None, *, replace: bool = False) -> tuple[str, ...]:
        """Take over machines (None: all) from an export, all or none; returns their names.

        Everything is checked before anything is changed. Raises UsageError when a name is there already, or is not in
        the archive; StoreError when the archive is damaged or holds anything that it should not.
        """
        with closing(Archive(path, MACHINES)) as archive, self._folder.writing():
            chosen = _chosen(archive.things, path, names)
            for profile in chosen:
                self._refuse_existing(profile.name, replace=replace)
            clips = {clip.audio.sha256: clip.audio for profile in chosen for clip in profile.clips}
            for clip in clips.values():
                archive.audio(clip)
            self._folder.need(archive.size)
            for clip in clips.values():
                self._folder.write_audio_file(clip, archive.audio(clip))
            self._folder.write({MACHINES.file_name(one.name): encode_profile(one) for one in chosen})
        return tuple(profile.name for profile in chosen)

    def _refuse_existing(self, name: str, *, replace: bool) -> None:
        if replace or not self.has(name):
            return
        old = self.get(name)
        spelt = "" if old.name == name else f" as {old.name}"
        raise UsageError(f"machine {name}", f"is there already{spelt}", "Use --replace")


def _chosen(found: Sequence[MachineProfile], path: Path, names: Sequence[str] | None) -> tuple[MachineProfile, ...]:
    if names is None:
        return tuple(found)
    by_key = {name_key(profile.name): profile for profile in found}
    wanted = {name_key(machine_name(name)): name for name in names}
    missing = [name for key, name in wanted.items() if key not in by_key]
    if missing or not wanted:
        why = f"does not hold {', '.join(missing)}" if missing else "no machine was named"
        raise UsageError(f"archive {path}", why, f"It holds {', '.join(one.name for one in found)}")
    return tuple(by_key[key] for key in wanted)
