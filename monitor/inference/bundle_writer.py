"""Writes a bundle of an imported model: whole, tested, and only then in its place."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import BundleError, StoreError
from monitor.inference.bundle import bundle_folders, verify_bundle
from monitor.inference.faults import bundle_error
from monitor.inference.golden import windows_of, write_golden
from monitor.inference.manifest import CARD_FILE, GOLDEN_FILE
from monitor.inference.manifest_file import write_manifest
from monitor.inference.session import InferenceError, Session

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from monitor.features.spec import FeatureSpec
    from monitor.inference.manifest import Manifest

SCRATCH = ".importing-"
"""How the folders begin in which bundles are made; no bundle is found in one."""

STALE_S = 86_400.0
"""Age after which such a folder is what an interrupted import left."""

REMEDY = "Nothing was installed; give the model's original file"


@contextmanager
def bundle_folder(root: Path, name: str, version: str, *, replace: bool) -> Generator[Path]:
    """A folder to make a bundle in, put into its place below `root` when the block ends well, else removed.

    Raises BundleError when the model is there already, or what was made has a fault; StoreError when it cannot be
    written.
    """
    place = root / name / version
    if place.exists() and not replace:
        raise BundleError(f"model {name}@{version}", f"is there already, in {place}", "Use --replace to import it anew")
    try:
        root.mkdir(parents=True, exist_ok=True)
        _clear_stale(root)
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=root) as scratch:
            folder = Path(scratch) / name / version
            folder.mkdir(parents=True)
            yield folder
            faults = verify_bundle(folder)
            if faults:
                raise bundle_error(folder.relative_to(scratch), faults, REMEDY)
            place.parent.mkdir(exist_ok=True)
            _exchange(folder, place, Path(scratch) / "before")
    except OSError as error:
        why = f"cannot be written: {error.strerror or error}"
        raise StoreError(str(root), why, "Make room, or check its permissions; nothing was installed") from error


def finish_bundle(folder: Path, manifest: Manifest, spec: FeatureSpec | None, card: str) -> None:
    """Write golden self-test, card and manifest beside the model file.

    Raises BundleError when the network fails, or gives what is no number.
    """
    from monitor.features.frontend import Kernel

    cut = manifest.window
    if spec is None and manifest.input.kind == "waveform":
        audio = golden_sound(manifest.input.rate, cut.frames + cut.hop)
        features = None
        rows = audio.astype(np.float32) / np.float32(32_768)
    elif spec is not None:
        audio = golden_sound(spec.rate, spec.samples_in(cut.frames + cut.hop))
        features = Kernel(spec)(audio.astype(np.float32) / np.float32(32_768))
        rows = features
    else:
        raise ValueError(f"{manifest.id} takes features, but there is no spec")
    session = Session(folder / manifest.model.file, dequantise=manifest.dequantise, runtime=manifest.runtime)
    try:
        outputs = session.run({manifest.inputs[0].name: windows_of(rows, cut.frames, cut.hop)})
    except InferenceError as failure:
        raise BundleError(f"model {manifest.id}", f"the network fails: {failure}", REMEDY) from failure
    wrong = [name for name, values in outputs.items() if not np.isfinite(values).all()]
    if wrong:
        why = f"output `{wrong[0]}` is not finite on plain sound"
        raise BundleError(f"model {manifest.id}", why, REMEDY)
    write_golden(folder / GOLDEN_FILE, audio, features, outputs)
    (folder / CARD_FILE).write_text(card, encoding="utf-8")
    write_manifest(manifest, folder)


def golden_sound(rate: int, samples: int) -> NDArray[np.int16]:
    """int16 `(samples,)` made by arithmetic: a hum, and over it chirps that rise from 1.5 kHz three times a second."""
    time_s = np.arange(samples) / rate
    turn = time_s * 3.0 % 1.0
    top = min(6_000.0, 0.4 * rate)
    chirp = np.sin(2 * np.pi * (1_500.0 * turn + 0.5 * (top - 1_500.0) * turn**2) / 3.0) * (turn < 0.6)
    hum = np.sin(2 * np.pi * 120.0 * time_s)
    return np.round((0.05 * hum + 0.4 * chirp) * 32_767).astype(np.int16)


def remove_bundle(root: Path, name: str) -> list[Path]:
    """Remove a user's own model, `name` or `name@version`; what was removed.

    Raises BundleError when there is none below `root`, StoreError when it cannot be removed.
    """
    wanted, _, version = name.partition("@")
    present = bundle_folders(root)
    found = [path for path in present if path.parent.name == wanted and version in ("", path.name)]
    if not found:
        names = ", ".join(sorted({path.parent.name for path in present})) or "none"
        why = f"is not among the imported models in {root}"
        raise BundleError(f"model {name}", why, f"There are: {names}; what came with Auricle stays")
    for path in found:
        try:
            shutil.rmtree(path)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        except OSError as error:
            why = f"cannot be removed: {error.strerror or error}"
            raise StoreError(str(path), why, "Check its permissions") from error
    return found


def _exchange(folder: Path, place: Path, before: Path) -> None:
    """Put the new bundle in the place of the old one, which stays where that fails."""
    if place.exists():
        place.rename(before)
    try:
        folder.rename(place)
    except OSError:
        if before.exists():
            before.rename(place)
        raise


def _clear_stale(root: Path) -> None:
    """Remove what an import left that was killed."""
    for path in root.glob(f"{SCRATCH}*"):
        if time.time() - path.stat().st_mtime > STALE_S:
            shutil.rmtree(path, ignore_errors=True)
