"""Who may import whom, as written in pyproject.toml, and what must never be loaded beside the monitor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.contract.discovery import module_names

ROOT = Path(__file__).parents[2]
NEVER_LOADED = ("torch", "torchvision", "torchaudio", "lightning", "training")


def test_the_import_law_is_kept() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_whole_monitor_loads_no_training_library() -> None:
    """In a process of its own, since other tests load torch here."""
    script = f"""
import importlib, sys
for name in {module_names()!r}:
    importlib.import_module(name)
loaded = sorted(name for name in {NEVER_LOADED!r} if name in sys.modules)
if loaded:
    sys.exit("loaded: " + ", ".join(loaded))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
