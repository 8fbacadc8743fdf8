"""One engine writes a log: whoever comes second is told who was first. The lock goes with the process that has it."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from monitor.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path


class EngineLock:
    """Holds `path`.lock until closed. Raises StoreError when another process (or log object) has it."""

    def __init__(self, path: Path) -> None:
        self._file = path.with_name(f"{path.name}.lock").open("a+", encoding="ascii", errors="replace")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read(20).strip() or "unknown"
            self._file.close()
            raise StoreError(
                f"event log {path}",
                f"another engine is writing it (process {holder})",
                "Stop that engine, or give this one another log with --log.",
            ) from None
        except OSError:
            self._file.close()
            raise
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def close(self) -> None:
        """Let the next one in. The file stays: removing it would race with who is just opening it."""
        self._file.truncate(0)
        self._file.close()
