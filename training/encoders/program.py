"""The program itself, as a user runs it: `auricle` in a process of its own, on a data folder with BirdNET in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError
from training.encoders.candidates import DATA

if TYPE_CHECKING:
    from collections.abc import Sequence


def auricle(words: Sequence[str], settings: str) -> str:
    """Standard output of a command with settings (TOML). Raises UsageError, with what it says, when it fails."""
    with tempfile.TemporaryDirectory(prefix="auricle-") as scratch:
        config = Path(scratch) / "auricle.toml"
        config.write_text(settings, encoding="utf-8")
        chosen = {"AURICLE_DATA_DIR": str(DATA.resolve()), "AURICLE_CONFIG": str(config), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "monitor", *words],
            env=os.environ | chosen,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        why = f"ended with {done.returncode}: {done.stderr.strip()[-500:]}"
        raise UsageError(f"auricle {words[0]}", why, "Run it by hand")
    return done.stdout


def readings(paths: Sequence[str], settings: str) -> list[dict[str, Any]]:
    """What `auricle replay` tells of recordings."""
    words = ["replay", "--speed", "max", "--no-tui", "--jsonl", "-", "--", *paths]
    return [json.loads(line) for line in auricle(words, settings).splitlines()]


def benchmark(minutes: float, settings: str, recording: Path | None = None) -> dict[str, Any]:
    """What `auricle bench` counts."""
    words = ["bench", "--json", "--minutes", f"{minutes:g}"]
    return json.loads(auricle([*words, "--recording", str(recording)] if recording else words, settings))
