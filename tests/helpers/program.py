"""Runs the program as a user would: `python -m monitor ...` in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Its JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Variables that keep the user's own files out of the test."""
    own = {
        "AURICLE_CONFIG": str(home / "auricle.toml"),
        "AURICLE_DATA_DIR": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }
    return os.environ | own | more


def command(*arguments: str) -> list[str]:
    """The command line of `auricle ARGUMENTS`."""
    return [sys.executable, "-m", "monitor", *arguments]


def auricle(home: Path, *arguments: str, stdin: bytes | None = None, timeout: float = 120, **more: str) -> Done:
    """Run a command to its end."""
    done = subprocess.run(
        command(*arguments),
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        env=environment(home, **more),
        cwd=ROOT,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def free_ports(count: int) -> list[int]:
    """Loopback ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def settings_file(home: Path, extra: str = "") -> Path:
    """A configuration with free ports of its own."""
    audio, readings, commands = free_ports(3)
    file = home / "auricle.toml"
    file.write_text(
        f'[bus]\naudio = "tcp://127.0.0.1:{audio}"\nreadings = "tcp://127.0.0.1:{readings}"\n'
        f'commands = "tcp://127.0.0.1:{commands}"\n{extra}'
    )
    return file
