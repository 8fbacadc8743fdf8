"""Child processes that are started again, with back-off, when they die."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STEADY_S = 20.0
"""A child that lived this long starts again without delay."""
STOP_S = 5.0
"""Seconds that a child has to flush and leave after SIGTERM."""

READY_VARIABLE = "AURICLE_READY_FD"
"""Environment variable that names the file descriptor on which a child says that it is ready."""

log = structlog.get_logger()


@dataclass
class Child:
    """One supervised process."""

    name: str
    command: Sequence[str]
    output: Path
    """File that takes the child's standard error."""
    ready_fd: int | None = None
    """File descriptor that the first start tells when it is ready; a later start has nobody who waits."""
    stdin: int | None = None
    """File descriptor of the child's standard input at the first start; None: nothing to read."""
    restarts: int = 0
    last_exit: int | None = None
    _process: subprocess.Popen[bytes] | None = None
    _wait_s: float = FIRST_WAIT_S
    _started: float = 0.0
    _due: float = field(default=0.0)

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Exit code of the process, None while it runs or was never started."""
        return self._process.poll() if self._process else None

    @property
    def pid(self) -> int | None:
        """Process id, None when it was never started."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process, in a session of its own so that the terminal's Ctrl-C reaches only the parent."""
        self.output.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open("ab") as errors:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL if self.stdin is None else self.stdin,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=os.environ | ({} if self.ready_fd is None else {READY_VARIABLE: str(self.ready_fd)}),
                pass_fds=() if self.ready_fd is None else (self.ready_fd,),
                start_new_session=True,
            )
        self.ready_fd = self.stdin = None
        self._started, self._due = monotonic(), 0.0

    def tend(self) -> None:
        """Start it again if it died and its time has come."""
        if self._process is None or self.running:
            return
        now = monotonic()
        if self._due == 0.0:
            self.last_exit = self._process.returncode
            steady = now - self._started > STEADY_S
            self._wait_s = FIRST_WAIT_S if steady else min(self._wait_s * 2, LONGEST_WAIT_S)
            self._due = now + self._wait_s
            log.warning("child died", child=self.name, exit=self.last_exit, again_in_s=self._wait_s)
        elif now >= self._due:
            self.restarts += 1
            self.start()

    def stop(self) -> None:
        """Ask it to flush and leave; kill it when it does not."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("child did not leave and was killed", child=self.name)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Supervisor:
    """Tends children from a thread until told to stop."""

    PERIOD_S = 0.2

    def __init__(self, children: Sequence[Child], changed: Callable[[Child], None] | None = None) -> None:
        self._children = tuple(children)
        self._changed = changed
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tend, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begin to watch children that were already started."""
        self._thread.start()

    def stop(self, *, leave_running: bool = False) -> None:
        """Stop watching, and stop the children, last one first, unless they are to be left."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if not leave_running:
            for child in reversed(self._children):
                child.stop()

    def _tend(self) -> None:
        while not self._over.wait(self.PERIOD_S):
            for child in self._children:
                before = child.restarts
                child.tend()
                if self._changed and child.restarts != before:
                    self._changed(child)
