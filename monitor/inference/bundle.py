"""Loads a model bundle: every fault is collected and raised once, then the golden self-test runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import BundleError
from monitor.inference.cohort_file import cohort_path, read_cohort
from monitor.inference.declaration import declaration_faults, feature_spec, modulation_spec
from monitor.inference.extra_files import extra_faults
from monitor.inference.faults import Fault, bundle_error
from monitor.inference.golden import read_golden, self_test
from monitor.inference.label_file import bundle_labels
from monitor.inference.manifest import COHORT_FILE, GOLDEN_FILE, MANIFEST_FILE, MODEL_FILE
from monitor.inference.manifest_file import parse_manifest
from monitor.inference.model import open_model
from monitor.inference.run_memory import RunMemory
from monitor.inference.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.types import Float32Array
    from monitor.features.ams_spec import AmsSpec
    from monitor.features.spec import FeatureSpec
    from monitor.inference.cohort_file import CohortArrays
    from monitor.inference.golden import Golden
    from monitor.inference.manifest import Manifest

LARGEST = {MANIFEST_FILE: 1_000_000, GOLDEN_FILE: 8_000_000, COHORT_FILE: 32_000_000, MODEL_FILE: 500_000_000}
"""Bytes beyond which a file is not even opened; what ships with the program is held to less (`reports.py`)."""

_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")

PUBLISHED = "birdnet"
"""A model that is no part of Auricle, and that `auricle models import` knows by name."""

REMEDY = "Put the original files back (install Auricle again, or import the model again)"


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A model that was checked and is ready to run."""

    path: Path
    """Its folder."""
    manifest: Manifest
    session: Session
    spec: FeatureSpec | None
    """Of the front-end that it needs; None when it takes a waveform or modulations."""
    cohort: CohortArrays | None = None
    """Of an encoder that has one."""
    labels: tuple[str, ...] = ()
    """What the last axis of a classifier's scores counts, from the manifest or from a file of its own."""
    memory: RunMemory | None = None
    """Of a network with several heads: a window that two of them want is run once."""
    modulation: AmsSpec | None = None
    """Of the amplitude-modulation features that it needs, if it needs those."""

    def run(self, windows: Float32Array) -> dict[str, Float32Array]:
        """Outputs by name, `(n, ...)` float32, of windows `(n, ...)`: all heads of one pass.

        Raises InferenceError as `Session.run` does.
        """
        if self.memory:
            return self.memory.run(windows)
        return self.session.run({self.manifest.inputs[0].name: windows})

    def extra_path(self, purpose: str) -> Path:
        """A further file, such as `occurrence`. Raises BundleError when the bundle has none for that."""
        declared = (self.manifest.files or {}).get(purpose)
        if declared is None:
            raise BundleError(f"model {self.manifest.id}", f"has no file for `{purpose}`", REMEDY)
        return self.path / declared.file

    def extra_session(self, purpose: str, threads: int = 1) -> Session:
        """A further network, such as `occurrence`, opened. Raises BundleError when there is none."""
        path = self.extra_path(purpose)
        declared = (self.manifest.files or {})[purpose]
        if declared.runtime is None:
            raise BundleError(f"model {self.manifest.id}", f"`{purpose}` is no network", REMEDY)
        return Session(path, threads, runtime=declared.runtime)


def load_bundle(path: Path, threads: int = 1) -> Bundle:
    """Check and open the bundle in a folder. Raises BundleError with every fault at once."""
    bundle, faults = examine_bundle(path, threads)
    if bundle is None or faults:
        raise bundle_error(path, faults, REMEDY)
    return bundle


def verify_bundle(path: Path) -> list[Fault]:
    """Everything that is wrong with the bundle in a folder, the golden self-test included; empty when it is sound."""
    return examine_bundle(path)[1]


def examine_bundle(path: Path, threads: int = 1) -> tuple[Bundle | None, list[Fault]]:
    """The bundle, or None and at least one fault."""
    if not path.is_dir():
        return None, [Fault(str(path), "no such folder")]
    manifest, faults = read_manifest(path)
    session: Session | None = None
    spec: FeatureSpec | None = None
    modulation: AmsSpec | None = None
    cohort: CohortArrays | None = None
    labels: tuple[str, ...] = ()
    model_file = manifest.model.file if manifest else MODEL_FILE
    model_faults = _file_faults(path / model_file, LARGEST[MODEL_FILE])
    if manifest:
        spec, spec_faults = feature_spec(manifest)
        modulation, modulation_faults = modulation_spec(manifest)
        faults += spec_faults + modulation_faults + list(declaration_faults(manifest, spec or modulation))
        if not model_faults:
            session, model_faults = open_model(path / model_file, manifest, threads)
    faults += model_faults
    if manifest:
        cohort, cohort_faults = _cohort(path, manifest)
        labels, label_faults = bundle_labels(path, manifest)
        faults += cohort_faults + label_faults + extra_faults(path, manifest)
    golden, golden_faults = _golden(path / GOLDEN_FILE, manifest)
    faults += golden_faults
    if faults or manifest is None or session is None or golden is None:
        return None, faults
    faults = self_test(golden, manifest, spec or modulation, session)
    return (None, faults) if faults else (_bundle(path, manifest, session, spec, cohort, labels, modulation), [])


def _bundle(
    path: Path,
    manifest: Manifest,
    session: Session,
    spec: FeatureSpec | None,
    cohort: CohortArrays | None,
    labels: tuple[str, ...],
    modulation: AmsSpec | None,
) -> Bundle:
    fed = manifest.inputs[0].name
    several = len(manifest.outputs) > 1
    memory = RunMemory(lambda windows: session.run({fed: windows})) if several else None
    return Bundle(path, manifest, session, spec, cohort, labels, memory, modulation)


def read_manifest(path: Path) -> tuple[Manifest | None, list[Fault]]:
    """The manifest in a bundle's folder, or None and everything wrong with it."""
    file = path / MANIFEST_FILE
    faults = _file_faults(file, LARGEST[MANIFEST_FILE])
    if faults:
        return None, faults
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return None, [Fault(MANIFEST_FILE, f"cannot be read: {error}")]
    return parse_manifest(text)


def find_bundle(name: str, roots: Sequence[Path]) -> Path:
    """Folder of the newest version of a model, of the first root that has it.

    `name` is a name, `name@version`, or the path of a bundle's own folder. Raises BundleError listing what there is.
    """
    if "/" in name or "\\" in name:
        return Path(name).expanduser()
    wanted, _, version = name.partition("@")
    for root in roots:
        found = [path for path in bundle_folders(root) if path.parent.name == wanted and version in ("", path.name)]
        if found:
            return found[-1]
    present = sorted({f"{path.parent.name}@{path.name}" for root in roots for path in bundle_folders(root)})
    looked = ", ".join(str(root) for root in roots)
    remedy = f"There are: {', '.join(present)}" if present else "There are none; install Auricle again"
    if name == PUBLISHED:
        remedy = f"Import it: auricle models import {PUBLISHED}"
    raise BundleError(f"model {name}", f"not found in {looked}", remedy)


def bundle_folders(root: Path) -> list[Path]:
    """Every `<name>/<version>` folder below a root, by name, oldest version first; none where there is no such root."""
    found = [path for path in root.glob("*/*") if _VERSION.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=lambda path: (path.parent.name, [int(part) for part in path.name.split(".")]))


def _cohort(folder: Path, manifest: Manifest) -> tuple[CohortArrays | None, list[Fault]]:
    file = cohort_path(folder, manifest)
    faults = _file_faults(file, LARGEST[COHORT_FILE]) if manifest.cohort else []
    return (None, faults) if faults else read_cohort(file, manifest)


def _golden(file: Path, manifest: Manifest | None) -> tuple[Golden | None, list[Fault]]:
    faults = _file_faults(file, LARGEST[GOLDEN_FILE])
    return (None, faults) if faults else read_golden(file, manifest)


def _file_faults(file: Path, largest: int) -> list[Fault]:
    try:
        size = file.stat().st_size
    except FileNotFoundError:
        return [Fault(file.name, "is missing")]
    except OSError as error:
        return [Fault(file.name, f"cannot be read: {error.strerror or error}")]
    if not file.is_file():
        return [Fault(file.name, "is not a file")]
    if size == 0:
        return [Fault(file.name, "is empty")]
    if size > largest:
        return [Fault(file.name, f"has {size / 1e6:.1f} MB, more than {largest / 1e6:g} MB")]
    return []
