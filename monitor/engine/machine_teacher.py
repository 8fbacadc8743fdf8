"""What learns machines in a running engine: its own view of the folder, and an encoder session of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from monitor.engine.machine_learning import Taught
from monitor.errors import UsageError
from monitor.inference.bundle import load_bundle
from monitor.machines.encoder import MachineEncoder
from monitor.machines.enroll import fit_profile
from monitor.machines.name import machine_name
from monitor.machines.options import Options
from monitor.machines.profile_folder import MachineFolder
from monitor.machines.relearning import learn_again
from monitor.machines.sounds import RATE, heard_sound
from monitor.machines.window import clip_windows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Literal

    from monitor.core.types import Float32Array
    from monitor.engine.machine_listening import HeardClip
    from monitor.machines.sounds import Sound

    Existing = Literal["refuse", "add", "replace"]


class MachineTeacher:
    """`check` is called from the engine's loop, the rest from one other thread."""

    def __init__(self, folder: Path, encoder_bundle: Path | None, *, always: bool = False) -> None:
        """`encoder_bundle`: the folder of the encoder that the engine uses; None: simple features only.

        `always`: it is used for all that is learnt, not only for machines that were learnt with an encoder before.
        """
        self._path = folder
        self._encoder_bundle = encoder_bundle
        self._always = always
        self._encoder: MachineEncoder | None = None

    def check(self, name: str, existing: Existing) -> str:
        """The machine's name as it will be enrolled. Raises UsageError when it is none, or is there and must not be."""
        wanted = machine_name(name)
        folder = MachineFolder(self._path)
        if not folder.has(wanted):
            return wanted
        if existing == "refuse":
            raise UsageError(f"machine {wanted}", "is there already", "Add to it, or replace it")
        return wanted if existing == "replace" else folder.get(wanted).name

    def rings(self, name: str, clip: Float32Array) -> bool:
        """Whether the machine's alarm would ring in a clip at 16 kHz; False where there is no such machine."""
        folder = MachineFolder(self._path)
        if not folder.has(name):
            return False
        profile = folder.get(name)
        windows = clip_windows(clip)
        embeddings: Float32Array | None = None
        if profile.encoder_id is not None:
            encoder = self._opened()
            if encoder is None or encoder.id != profile.encoder_id:
                return False  # it cannot be judged here, and is learnt anew as a whole
            embeddings = encoder.embed(np.stack([window.values for window in windows]))
        return profile.score_clip(windows, embeddings).alarm

    def learn(self, name: str, clips: Sequence[HeardClip], *, target: bool, existing: Existing) -> Taught:
        """Take them for normal.

        Raises UsageError when nothing can be learnt from them, StoreError when the folder cannot be written.
        """
        if not clips:
            raise UsageError(f"machine {name}", "nothing was heard that could be learnt", "Try again")
        sounds = [heard_sound(clip.samples, RATE, clip.origin) for clip in clips]
        folder, now = MachineFolder(self._path), time.time_ns()
        own, others = (sounds, ()) if not target else ((), sounds)
        adds = existing == "add" and folder.has(name)
        before = folder.get(name).encoder_id if adds else None
        encoder = self._opened() if self._always or before is not None else None
        if adds:
            profile = learn_again(folder, name, encoder, now, own, others)
        else:
            profile = fit_profile(name, own, others, encoder, Options(), now)
            folder.save(profile, sounds, replace=existing == "replace")
        return Taught(len(profile.clips), (*_warnings(sounds), *profile.notes))

    def _opened(self) -> MachineEncoder | None:
        if self._encoder is None and self._encoder_bundle is not None:  # the pipeline has a session of its own
            self._encoder = MachineEncoder(load_bundle(self._encoder_bundle))
        return self._encoder


def _warnings(sounds: Sequence[Sound]) -> list[str]:
    return [f"{sound.origin} {warning}" for sound in sounds for warning in sound.warnings()]
