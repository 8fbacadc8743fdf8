"""Learns a machine again from the audio that was kept: with further normals, or with another encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.machines.enroll import fit_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.machines.encoder import MachineEncoder
    from monitor.machines.options import Options
    from monitor.machines.profile import MachineProfile
    from monitor.machines.profile_folder import MachineFolder
    from monitor.machines.sounds import Sound


def learn_again(
    folder: MachineFolder,
    name: str,
    encoder: MachineEncoder | None,
    now_utc_ns: int,
    source: Sequence[Sound] = (),
    target: Sequence[Sound] = (),
    options: Options | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> MachineProfile:
    """Fit a machine anew to its kept audio and to further sounds beside it; returns what is stored.

    `options` None: as it was learnt before. Raises UsageError when it is not there or when `fit_profile` refuses,
    StoreError when kept audio is gone or damaged, or the folder cannot be written.
    """

    def learn(old: MachineProfile) -> tuple[MachineProfile, Sequence[Sound]]:
        kept = [(folder.sound(clip), clip.target) for clip in old.clips]
        fresh = fit_profile(
            old.name,
            [*(sound for sound, is_target in kept if not is_target), *source],
            [*(sound for sound, is_target in kept if is_target), *target],
            encoder,
            options or old.options,
            now_utc_ns,
            progress,
        )
        return fresh, [*source, *target]

    return folder.learn_again(name, learn)
