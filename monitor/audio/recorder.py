"""Keeps the raw audio of a microphone: FLAC files named by their start, written from behind the ring."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import soundfile
import structlog

from monitor.audio.intake import clock_ns
from monitor.audio.ring import RingReader
from monitor.core.clock import NANOSECONDS
from monitor.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.audio.intake import Intake
    from monitor.audio.ring import RingPiece

FILE_S = 600
"""Seconds of one file; a crash or a full disk costs the end of one at most."""
LOOK_S = 0.25
AGAIN_S = 10.0
"""Seconds after which a folder that could not be written is tried again."""

log = structlog.get_logger()


class Recorder:
    """Writes what a ring gets to `folder`, 24 bits, all of its channels. What goes wrong never reaches the capture.

    A new file begins every ten minutes and after every loss, so that each is continuous and its name is right. `fault`
    says why nothing is written now. Raises StoreError when the folder cannot be made.
    """

    def __init__(self, intake: Intake, folder: Path) -> None:
        self.fault = ""
        """Why nothing is written now, in the user's words; empty when all is well."""
        self._intake = intake
        self._folder = folder
        self._reader = RingReader(intake.ring)
        self._file: soundfile.SoundFile | None = None
        self._frames_left = 0
        self._overflows = 0
        self._again_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            remedy = "Choose another folder for --record"
            raise StoreError(str(folder), f"cannot be made: {fault.strerror}", remedy) from fault

    def start(self) -> None:
        """Begin with what the ring gets from now on."""
        self._thread.start()

    def finish(self) -> None:
        """Write what is left, close the file."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            self._write_what_is_there()
        self._write_what_is_there()
        self._close()

    def _write_what_is_there(self) -> None:
        while self._reader.available:
            piece = self._reader.read(self._frames_left or self._intake.rate)
            overflows = self._intake.overflows
            if piece.lost_before or overflows != self._overflows:
                self._close()
            self._overflows = overflows
            try:
                self._write(piece)
            except (soundfile.LibsndfileError, OSError) as fault:
                self._give_up(fault)

    def _write(self, piece: RingPiece) -> None:
        if self._file is None:
            if time.monotonic() < self._again_s:
                return
            self._file = self._open(piece)
            self._frames_left = FILE_S * self._intake.rate
        self._file.write(piece.samples)
        self._file.flush()
        self._frames_left -= min(len(piece.samples), self._frames_left)
        if self.fault:
            log.info("recording goes on", folder=str(self._folder))
        self.fault = ""
        if not self._frames_left:
            self._close()

    def _open(self, piece: RingPiece) -> soundfile.SoundFile:
        """A file named by the moment of the piece's first sample."""
        start = piece.end - len(piece.samples)
        moment = self._intake.newest_moment()
        age_ns = 0
        if moment is not None:
            age_ns = clock_ns() - moment.clock_ns + (moment.index - start) * NANOSECONDS // self._intake.rate
        began = datetime.fromtimestamp((time.time_ns() - age_ns) / NANOSECONDS, UTC)
        name = f"{began:%Y-%m-%dT%H-%M-%S}.{began.microsecond // 1000:03d}Z.flac"
        channels = piece.samples.shape[1]
        return soundfile.SoundFile(self._folder / name, "w", self._intake.rate, channels, "PCM_24")

    def _close(self) -> None:
        self._frames_left = 0
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except (soundfile.LibsndfileError, OSError) as fault:
                self._give_up(fault)

    def _give_up(self, fault: Exception) -> None:
        """For now: the capture goes on, and says so."""
        self._file, self._frames_left = None, 0
        self._again_s = time.monotonic() + AGAIN_S
        if not self.fault:
            log.error("recording stopped", folder=str(self._folder), reason=str(fault))
        self.fault = f"the recording cannot be written: {fault}"
