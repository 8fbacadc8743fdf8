"""The machines that were enrolled, in a folder: one file each, and the audio that they were learnt from."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from monitor.errors import UsageError
from monitor.kept.archive import Archive
from monitor.kept.things import KeptThings
from monitor.machines.profile import MachineProfile
from monitor.machines.profile_file import MACHINES, encode_profile
from monitor.machines.sounds import RATE, Sound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.machines.profile import NormalClip


class MachineFolder(KeptThings[MachineProfile]):
    """The machines of a folder."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError when the folder cannot be read."""
        super().__init__(folder, MACHINES)

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

    def import_from(self, path: Path, names: Sequence[str] | None = None, *, replace: bool = False) -> tuple[str, ...]:
        """Take over machines (None: all) from an export, all or none; returns their names.

        Everything is checked before anything is changed. Raises UsageError when a name is there already, or is not in
        the archive; StoreError when the archive is damaged or holds anything that it should not.
        """
        with closing(Archive(path, MACHINES)) as archive, self._folder.writing():
            chosen = self._chosen(archive, path, names)
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
