"""Any data set with a folder for each class, or with a CSV that names files and labels."""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.audio.expand import AUDIO_SUFFIXES
from monitor.errors import AuricleError, UsageError, raise_all
from training.data.catalog import Kind, Recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from training.data.splits import Part

_XENO_CANTO = re.compile(r"^XC\s?([0-9]+)", re.IGNORECASE)
_AUDIO_REMEDY = f"Recordings end in {', '.join(sorted(AUDIO_SUFFIXES))}; convert it or move it away."


@dataclass(frozen=True, slots=True)
class Layout:
    """What a data set holds."""

    recordings: list[Recording]
    """By path; paths are relative to the root."""
    warnings: list[str]
    """What may be meant but is worth a look."""
    parts: dict[str, Part] = field(default_factory=dict[str, "Part"])
    """Part of each label, where the data set has fixed ones."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a file beside its label; empty where it is not."""

    recordist: str = ""
    recording: str = ""
    """Name of the original recording, where several files are cuts of one."""
    licence: str = ""


def load_folders(root: Path, kind: Kind = Kind.SPECIES) -> Layout:
    """Recordings of a tree: the folders right under `root` are the labels, files may lie deeper.

    Hidden files are passed over, and so are files beside the class folders that are no audio (readme, licence).
    Two files are two recordings, unless both names begin with one Xeno-canto number.

    Raises UsageError, or StartError with everything that is wrong: a class without audio, a file that is no audio or
    is empty, audio in no class folder, labels that differ only in case.
    """
    errors: list[AuricleError] = []
    recordings: list[Recording] = []
    classes: list[str] = []
    for entry in visible(root):
        if entry.is_dir():
            classes.append(entry.name)
            files = [path for path in deep(entry) if not fault_of(path, root, errors)]
            if not files:
                errors.append(UsageError(f"class {entry.name} in {root}", "it has no recording", "Fill or remove it."))
            recordings += [to_recording(path.relative_to(root), entry.name, kind, Known()) for path in files]
        elif entry.suffix.lower() in AUDIO_SUFFIXES:
            errors.append(UsageError(f"{entry}", "it lies in no class folder", "Move it into the folder of its class."))
    if not classes and not errors:
        errors.append(UsageError(f"data set {root}", "it has no class folders", "Name the folder that holds them."))
    errors += alike(classes, f"data set {root}")
    raise_all(errors)
    return Layout(sorted(recordings, key=lambda one: one.path), singles(recordings))


def load_manifest(table: Path, root: Path | None = None, kind: Kind = Kind.SPECIES) -> Layout:
    """Recordings that a CSV names, by columns `file` and `label`, and `recordist`, `recording`, `licence` if there are.

    Files are relative to `root`, by default the folder of the table. Two files are two recordings, unless `recording`
    says otherwise or both names begin with one Xeno-canto number.

    Raises UsageError, or StartError with everything that is wrong: a missing column, file or label, a file that is no
    audio, is empty, is named twice or lies outside, labels that differ only in case.
    """
    base = (root or table.parent).resolve()
    errors: list[AuricleError] = []
    recordings: list[Recording] = []
    seen: dict[Path, int] = {}
    for line, row in read_rows(table, ("file", "label")):
        where = f"{table}, line {line}"
        name, label = row["file"], row["label"]
        path = (base / name).resolve()
        if not name or not label:
            errors.append(UsageError(where, f"it has no {'label' if name else 'file'}", "Fill both columns."))
        elif not path.is_relative_to(base):
            errors.append(UsageError(where, f"{name} lies outside {base}", "Name files inside the data set."))
        elif path in seen:
            errors.append(UsageError(where, f"{name} is named in line {seen[path]} too", "Name each file once."))
        elif not path.is_file():
            errors.append(UsageError(where, f"there is no file {name}", f"Files are looked for in {base}."))
        else:
            seen[path] = line
            if not fault_of(path, base, errors):
                known = Known(row.get("recordist", ""), row.get("recording", ""), row.get("licence", ""))
                recordings.append(to_recording(path.relative_to(base), label, kind, known))
    if not recordings and not errors:
        errors.append(UsageError(f"{table}", "it names no recording", "Add a line for each file."))
    errors += alike([recording.label for recording in recordings], f"{table}")
    raise_all(errors)
    return Layout(sorted(recordings, key=lambda one: one.path), singles(recordings))


def read_rows(table: Path, needed: tuple[str, ...], delimiter: str = ",") -> list[tuple[int, dict[str, str]]]:
    """Line numbers and rows of a CSV; no cell is None, spaces around cells are gone.

    Raises UsageError when it cannot be read or lacks a needed column.
    """
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{table}", f"it cannot be read ({error})", "Give a CSV in UTF-8.") from error
    reader = csv.DictReader(io.StringIO(text), restval="", restkey="", delimiter=delimiter)
    missing = [column for column in needed if column not in (reader.fieldnames or ())]
    if missing:
        has = ", ".join(reader.fieldnames or ()) or "nothing"
        why = f"it has no column {' and no column '.join(missing)}"
        raise UsageError(f"{table}", why, f"Its first line has {has}; rename what is meant.")
    return [(reader.line_num, {key: cell.strip() for key, cell in row.items() if key}) for row in reader]


def to_recording(path: Path, label: str, kind: Kind, known: Known) -> Recording:
    """The catalog row of a file, `path` relative to the data set."""
    groups: list[str] = []
    recordist = " ".join(known.recordist.split()).casefold()
    if recordist:
        groups.append(f"recordist:{recordist}")
    number = _XENO_CANTO.match(known.recording or path.name)
    if number:
        groups.append(f"xeno-canto:XC{number[1]}")
    groups.append(f"file:{known.recording or path.with_suffix('').as_posix()}")
    return Recording(path.as_posix(), kind, label, known.licence, tuple(groups))


def visible(folder: Path) -> list[Path]:
    """What lies in a folder, by name, without hidden entries. Raises UsageError when it cannot be listed."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        why = f"it cannot be listed ({error.strerror or error})"
        raise UsageError(f"data set {folder}", why, "Name a folder that is there.") from error


def deep(folder: Path) -> list[Path]:
    """Files in a folder and below, without hidden ones; linked folders are not followed."""
    found: list[Path] = []
    for parent, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if not name.startswith("."))
        found += [Path(parent) / name for name in files if not name.startswith(".")]
    return sorted(found)


def fault_of(path: Path, root: Path, errors: list[AuricleError]) -> bool:
    """Whether a file cannot be a recording; then an error that says why is added."""
    name = path.relative_to(root).as_posix()
    if path.suffix.lower() not in AUDIO_SUFFIXES:
        errors.append(UsageError(f"{name} in {root}", "it is no audio file", _AUDIO_REMEDY))
    elif not path.exists():
        errors.append(UsageError(f"{name} in {root}", "it is a link to nothing", "Remove it, or restore the file."))
    elif path.stat().st_size == 0:
        errors.append(UsageError(f"{name} in {root}", "it is empty", "Fetch it again or remove it."))
    else:
        return False
    return True


def alike(
    labels: Iterable[str], what: str, plain: Callable[[str], str] = str.casefold, only: str = "case"
) -> list[AuricleError]:
    """An error for each set of labels that `plain` makes one, so differ in `only` that."""
    spelt: dict[str, set[str]] = {}
    for label in labels:
        spelt.setdefault(plain(label), set()).add(label)
    clashing = (" and ".join(sorted(names)) for _, names in sorted(spelt.items()) if len(names) > 1)
    return [
        UsageError(what, f"labels {names} differ only in {only}", "Merge them, or rename one.") for names in clashing
    ]


def singles(recordings: Iterable[Recording]) -> list[str]:
    """A warning for each class of one clip."""
    counts = Counter(recording.label for recording in recordings)
    only = sorted(label for label, count in counts.items() if count == 1)
    return [f"class {label} has one clip: it can train, but no clip is left to ask about" for label in only]
