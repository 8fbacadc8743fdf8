"""`machine play`: an alarm, or any clip of a machine, and then the normal clip that is most like it, to be heard."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from monitor import paths
from monitor.audio.playback import common_gain, play, write
from monitor.bus.enrollment import answered
from monitor.bus.machine_play import HUSH, PLAY, PLAYING, MachinePlaying
from monitor.commands import console
from monitor.commands.machine import encoder_of, scored
from monitor.commands.machine_live import engine_client, newest_alarm
from monitor.core.text import writable
from monitor.errors import UsageError
from monitor.machines.profile_folder import MachineFolder
from monitor.machines.sounds import RATE, read_sound

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.settings import Settings

ASK_EVERY_S = 0.2

LONGEST_S = 10.0
"""Seconds of either clip, from its start."""

PAUSE_S = 0.7
"""Silence between the two."""


def play_clip(name: str, clip: Path, settings: Settings, out: Path | None) -> int:
    """Play a clip and the normal that is most like it here, or write both to one file; returns the exit code.

    Raises UsageError, StoreError, and DeviceError where there is no loudspeaker.
    """
    folder = MachineFolder(paths.machines_folder())
    profile = folder.get(name)
    sound = read_sound(clip)
    told = scored(profile, encoder_of(profile, settings), sound)
    nearest = profile.clips[told.nearest_clip]
    longest = round(LONGEST_S * RATE)
    pair = [sound.samples[:longest], folder.sound(nearest).samples[:longest]]
    if out is not None and out.exists():
        raise UsageError(f"file {out}", "is there already", "Choose another name for --out")
    words = f"{writable(sound.origin)}, then {writable(nearest.origin)}, the normal of {profile.name} most like it"
    gain = np.float32(common_gain(*pair))
    both = np.concatenate([pair[0], np.zeros(round(PAUSE_S * RATE), np.float32), pair[1]]) * gain
    if out is None:
        console.messages.print(f"playing {words}", markup=False)
        play(both, RATE)
        return 0
    write(out, both, RATE)
    console.print_line(f"{out}: {words}")
    return 0


def play_alarm(name: str, source: str, settings: Settings) -> int:
    """Have a running engine play the newest alarm and its nearest normal; an interrupt stops it."""
    with engine_client(settings) as client:
        stretch, nearest = newest_alarm(client, name, source)
        begun = client.command(
            PLAY, name=name, nearest=nearest, source=stretch.source, start=stretch.start, end=stretch.end
        )
        told = answered(begun, MachinePlaying)
        said = ""
        try:
            while told.going_on:
                if told.state != said:
                    said = told.state
                    what = f"what rang the alarm of {told.name}" if said == "alarm" else f"the normal {told.nearest}"
                    console.messages.print(f"playing {what}", markup=False)
                time.sleep(ASK_EVERY_S)
                told = answered(client.command(PLAYING), MachinePlaying)
        except KeyboardInterrupt:
            client.command(HUSH)
            return 1
    if told.state == "failed":
        console.print_error(_PlayingError(told.what, told.why, told.remedy))
        return 1
    return 0


class _PlayingError(UsageError):
    """The engine began, and could not."""

    exit_code = 1
