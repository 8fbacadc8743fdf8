"""Plays what rang an alarm, and then the normal clip that is most like it: one thread, one pair at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import structlog

from monitor.audio.playback import common_gain, play
from monitor.audio.resample import resampled
from monitor.bus.machine_play import HUSH, PLAY, PLAYING, MachinePlay, MachinePlaying
from monitor.core.clock import samples
from monitor.core.types import ENGINE_RATE, Span
from monitor.errors import AuricleError, UsageError
from monitor.machines.profile_folder import MachineFolder
from monitor.machines.sounds import RATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    from monitor.bus.server import BusServer
    from monitor.core.types import Float32Array
    from monitor.engine.audio_history import Histories
    from monitor.engine.machine_desk import MachineDesk

    Play = Callable[[Float32Array, int, Callable[[], bool]], None]
    """Plays `(n,)` at a rate until it is over or to stop; raises AuricleError where it cannot."""

LONGEST_S = 10.0
"""Seconds of the alarm, its newest, and of the normal clip, its first."""

PAUSE_S = 0.7
"""Silence between the two."""

log = structlog.get_logger()


class MachinePlayer:
    """Answers `machine_play`, `machine_playing` and `machine_hush`; everything public runs in the engine's loop."""

    def __init__(self, desk: MachineDesk, folder: Path, histories: Histories, play: Play = play) -> None:
        self._desk = desk
        self._folder = folder
        self._histories = histories
        self._play = play
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="playing")
        self._stop = Event()
        self._told = MachinePlaying("done")

    def serve_on(self, server: BusServer) -> None:
        """Answer the commands that come to this server."""
        server.on(PLAY, self.begin, MachinePlay)
        server.on(PLAYING, lambda _: self._told)
        server.on(HUSH, lambda _: self.hush())

    def begin(self, wanted: MachinePlay) -> MachinePlaying:
        """Play from now on; what plays already is stopped.

        Raises UsageError when there is no such machine, clip or audio, StoreError when the kept audio is damaged.
        """
        profile = self._desk.find(wanted.name)
        if profile is None:
            remedy = "`auricle machine list` shows those that are"
            raise UsageError(f"machine {wanted.name}", "is not enrolled in this engine", remedy)
        clip = next((one for one in profile.clips if one.origin == wanted.nearest), None)
        if clip is None:
            why = f"{wanted.nearest or 'no clip'} is none of its normals (any more)"
            raise UsageError(f"machine {profile.name}", why, "Wait for the next window; it names another one")
        if not 0 <= wanted.start < wanted.end:
            raise UsageError("alarm", f"{wanted.start} to {wanted.end} is no stretch", "Choose an alarm")
        newest = max(wanted.start, wanted.end - samples(LONGEST_S), self._histories.held(wanted.source).start)
        alarm = self._histories.cut(wanted.source, Span(newest, max(wanted.end, newest))).samples
        normal = MachineFolder(self._folder).sound(clip).samples[: round(LONGEST_S * RATE)]
        self._stop.set()
        self._stop = Event()
        self._told = MachinePlaying("alarm", profile.name, clip.origin)
        self._worker.submit(self._work, alarm, normal, self._told, self._stop)
        return self._told

    def hush(self) -> None:
        """Stop; nothing if nothing plays."""
        self._stop.set()

    def close(self) -> None:
        """Stop, and wait until it has."""
        self._stop.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self, alarm: Float32Array, normal: Float32Array, told: MachinePlaying, stop: Event) -> None:
        """On the thread."""
        name, nearest = told.name, told.nearest
        gain = np.float32(common_gain(alarm, normal))
        try:
            self._play(alarm * gain, ENGINE_RATE, stop.is_set)
            self._tell(MachinePlaying("normal", name, nearest), stop)
            at_engine_rate = resampled(normal, RATE, ENGINE_RATE, len(normal) * ENGINE_RATE // RATE)
            paused = np.concatenate([np.zeros(samples(PAUSE_S), np.float32), at_engine_rate])
            self._play(paused * gain, ENGINE_RATE, stop.is_set)
            outcome = MachinePlaying("stopped" if stop.is_set() else "done", name, nearest)
        except AuricleError as error:
            outcome = MachinePlaying("failed", name, nearest, error.what, error.why, error.remedy)
        except Exception as fault:  # not swallowed: logged, and told to whoever asked
            log.error("playing failed", machine=name, exc_info=fault)
            remedy = "The program's log has the details; please report it"
            outcome = MachinePlaying("failed", name, nearest, "playing", f"the program failed: {fault}", remedy)
        self._tell(outcome, stop)

    def _tell(self, told: MachinePlaying, stop: Event) -> None:
        """Unless another pair was begun meanwhile."""
        if self._stop is stop:
            self._told = told
