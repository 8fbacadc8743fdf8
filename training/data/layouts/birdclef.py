"""BirdCLEF 2020 as MetaAudio uses it: a folder for each species, perhaps a metadata table, perhaps fixed splits.

Splits are published as pickled `.npy` files. A pickle may run any program when it is opened, so none is: they are
converted once by whoever trusts them, into a table of columns taxon and part or an `.npz` of plain strings.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from monitor.audio.expand import AUDIO_SUFFIXES
from monitor.errors import AuricleError, UsageError, raise_all
from training.data.catalog import Kind
from training.data.layouts.folders import (
    Known,
    Layout,
    alike,
    deep,
    fault_of,
    read_rows,
    singles,
    to_recording,
    visible,
)
from training.data.species_parts import read_table
from training.data.splits import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from training.data.catalog import Recording

T = TypeVar("T")

METADATA = ("metadata.csv", "train.csv", "train_metadata.csv")
"""Looked for beside the class folders."""
SIDECARS = frozenset({".xml", ".json"})
"""Descriptions that lie beside a recording under the same name."""
_RECORDIST = ("recordist", "author")
_LICENCE = ("licence", "license")


def load_birdclef(root: Path, split: Path | None = None, metadata: Path | None = None) -> Layout:
    """Recordings under `root`, and with `split` the part of each species.

    `metadata` is a CSV with a column filename, and recordist (or author), license and xc_id if there are; by default
    one of `METADATA` in `root`. Species that the split leaves out are left out (the paper prunes), with a warning.

    Raises UsageError, or StartError with everything that is wrong: an empty class, files that are no audio, audio in no
    class folder, names that differ only in case, a split that names what is not there.
    """
    errors: list[AuricleError] = []
    warnings: list[str] = []
    nothing: dict[str, Known] = {}
    known = _gathered(lambda: _metadata(root, metadata), nothing, errors)
    parts: dict[str, Part] = {}
    if split:
        before = len(errors)
        parts = _gathered(lambda: read_split(split), parts, errors)
        if not parts and len(errors) == before:
            errors.append(UsageError(f"split {split}", "it names no species", "Name the split of this data set."))
    recordings: list[Recording] = []
    classes: list[str] = []
    for entry in visible(root):
        if entry.is_dir():
            classes.append(entry.name)
            recordings += _class_recordings(entry, root, known, errors)
        elif entry.suffix.lower() in AUDIO_SUFFIXES:
            errors.append(UsageError(f"{entry}", "it lies in no class folder", "Move it into the folder of its class."))
    if not classes:
        errors.append(UsageError(f"data set {root}", "it has no class folders", "Name the folder that holds them."))
    errors += alike(classes, f"data set {root}", plain, "case, spaces or apostrophes")
    by_label: dict[str, Part] = {}
    if parts:
        by_label = _by_label(classes, parts, f"split {split}", errors)
        pruned = sorted(set(classes) - by_label.keys())
        if pruned:
            warnings.append(f"{len(pruned)} species are not in the split and left out: {_some(pruned)}")
        recordings = [recording for recording in recordings if recording.label in by_label]
    raise_all(errors)
    recordings.sort(key=lambda one: one.path)
    silent = sum(not any(group.startswith("recordist:") for group in one.groups) for one in recordings)
    if silent:
        warnings.append(
            f"{silent} of {len(recordings)} recordings have no known recordist: keep them apart by recording"
        )
    return Layout(recordings, warnings + singles(recordings), by_label)


def read_split(path: Path) -> dict[str, Part]:
    """Part of each species: a CSV of columns taxon and part, or an `.npz` of string arrays train, validation and test.

    An `.npy` is read if it is a plain string array of (species, part) rows. Raises UsageError for a pickle, naming how
    to convert it, and for anything else that cannot be read.
    """
    what = f"split {path}"
    if path.suffix.lower() not in (".npy", ".npz"):
        return read_table(path)
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            rows = [(str(name), str(part)) for name, part in _strings(loaded, 2, what).tolist()]
        else:
            with loaded:
                rows = [(name, key) for key in loaded.files for name in _strings(loaded[key], 1, what).tolist()]
    except OSError as error:
        raise UsageError(what, f"it cannot be read ({error})", "Name a file that is there.") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if "pickle" in str(error):
            why = "it is or may be a pickle, which can run any program when it is opened"
            raise UsageError(what, why, _convert(path)) from error
        raise UsageError(what, f"it is damaged ({error})", "Fetch it again.") from error
    unknown = sorted({part for _, part in rows} - {str(part) for part in Part})
    if unknown:
        raise UsageError(what, f"it has parts {', '.join(unknown)}", "Name them train, validation and test.")
    parts: dict[str, Part] = {}
    errors: list[AuricleError] = []
    for name, part in rows:
        if name in parts:
            errors.append(UsageError(what, f"{name} is in it twice", "Let each species have one part."))
        parts[name] = Part(part)
    raise_all(errors)
    return parts


def plain(name: str) -> str:
    """A species name as splits and folders are compared: no apostrophes, underscores as spaces, any case."""
    return " ".join(name.replace("_", " ").replace("'", "").split()).casefold()


def _convert(path: Path) -> str:
    """How a pickled split becomes a plain one."""
    target = path.with_suffix(".npz").name
    script = (
        "import numpy as np; "
        f"a, b, c = np.load({path.name!r}, allow_pickle=True); "
        f"np.savez({target!r}, train=np.array(list(a), str), validation=np.array(list(b), str), "
        "test=np.array(list(c), str))"
    )
    return f'If you trust where it comes from, convert it once beside it: python -c "{script}"; then name {target}.'


def _strings(array: NDArray[Any], dimensions: int, what: str) -> NDArray[np.str_]:
    """The array itself. Raises UsageError when it is not one of strings in that many dimensions."""
    pairs = dimensions != 2 or array.shape[-1:] == (2,)
    if array.dtype.kind != "U" or array.ndim != dimensions or not pairs:
        why = f"it holds {array.dtype} of shape {array.shape}"
        remedy = "An .npz holds string arrays train, validation and test; an .npy holds rows of species and part."
        raise UsageError(what, why, remedy)
    return array


def _gathered(read: Callable[[], T], otherwise: T, errors: list[AuricleError]) -> T:
    """What `read` returns; on a fault that a user can mend, `otherwise`, and the fault is added to the others."""
    try:
        return read()
    except AuricleError as error:
        errors.append(error)
        return otherwise


def _metadata(root: Path, table: Path | None) -> dict[str, Known]:
    """What is known of each file name."""
    found = table or next((root / name for name in METADATA if (root / name).is_file()), None)
    if found is None:
        return {}
    known: dict[str, Known] = {}
    for _, row in read_rows(found, ("filename",)):
        recordist = next((row[key] for key in _RECORDIST if row.get(key)), "")
        licence = next((row[key] for key in _LICENCE if row.get(key)), "")
        number = row.get("xc_id", "").upper().removeprefix("XC")
        # Converted copies have another suffix than the table says.
        known[PurePosixPath(row["filename"]).stem] = Known(
            recordist, f"XC{number}" if number.isdigit() else "", licence
        )
    return known


def _class_recordings(folder: Path, root: Path, known: dict[str, Known], errors: list[AuricleError]) -> list[Recording]:
    paths = deep(folder)
    stems = {path.with_suffix("") for path in paths if path.suffix.lower() in AUDIO_SUFFIXES}
    described = [p for p in paths if p.suffix.lower() in SIDECARS and p.with_suffix("") in stems]
    files = [path for path in paths if path not in described and not fault_of(path, root, errors)]
    if not files:
        errors.append(UsageError(f"class {folder.name} in {root}", "it has no recording", "Fill or remove it."))
    label = folder.name
    return [to_recording(p.relative_to(root), label, Kind.SPECIES, known.get(p.stem, Known())) for p in files]


def _by_label(classes: list[str], parts: dict[str, Part], what: str, errors: list[AuricleError]) -> dict[str, Part]:
    """Part of each class folder that the split names, whatever the spelling of spaces, apostrophes and case."""
    named: dict[str, tuple[str, Part]] = {}
    for name, part in parts.items():
        other = named.setdefault(plain(name), (name, part))
        if other[1] is not part:
            why = f"{other[0]} and {name} are one species in two parts"
            errors.append(UsageError(what, why, "Let each species have one part."))
    there = {plain(label): label for label in classes}
    absent = sorted(name for key, (name, _) in named.items() if key not in there)
    if absent:
        why = f"{len(absent)} species that have no folder: {_some(absent)}"
        errors.append(UsageError(what, why, "Correct the names, or complete the data set."))
    return {there[key]: part for key, (_, part) in named.items() if key in there}


def _some(names: Iterable[str], shown: int = 5) -> str:
    every = list(names)
    return ", ".join(every[:shown]) + (f" and {len(every) - shown} more" if len(every) > shown else "")
