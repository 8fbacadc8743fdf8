"""BirdNET itself for tests, imported once a session where its files can be had; never fetched."""

from __future__ import annotations

import atexit
import os
import tempfile
from functools import cache
from pathlib import Path

import pytest

from monitor import paths
from monitor.errors import BundleError
from monitor.inference.bundle import Bundle, find_bundle, load_bundle
from monitor.inference.litert_network import litert_fault
from monitor.inference.published import NAME, import_birdnet, installed_source

CACHED = Path(__file__).resolve().parents[2] / "cache" / "birdnet"
"""Where a developer may put the package's files."""


def birdnet_source() -> Path:
    """Where its files can be had without a network; skips where they cannot."""
    if litert_fault():
        pytest.skip("LiteRT is not installed (the extra litert)")
    named = os.environ.get("AURICLE_BIRDNET")
    source = Path(named) if named else CACHED if CACHED.is_dir() else installed_source()
    if source is None:
        pytest.skip(f"BirdNET's files are not here (put them into {CACHED}, or set AURICLE_BIRDNET)")
    return source


@cache
def birdnet_folder() -> Path:
    """The bundle that was imported, or one that is made now; skips where neither can be."""
    if litert_fault():
        pytest.skip("LiteRT is not installed (the extra litert)")
    try:
        return find_bundle(NAME, paths.model_roots())
    except BundleError:
        source = birdnet_source()
        # One import serves the session; it goes with the process.
        scratch = tempfile.TemporaryDirectory(prefix="auricle-birdnet-")
        atexit.register(scratch.cleanup)
        return import_birdnet(source, Path(scratch.name), companions=paths.model_roots()[-1] / "companions")


@cache
def birdnet() -> Bundle:
    """The same, loaded."""
    return load_bundle(birdnet_folder())
