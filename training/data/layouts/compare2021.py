"""Primate sub-challenge of ComParE 2021 (Zwerts et al.; Schuller et al.): `wav/`, and `lab/` with a CSV a part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import AuricleError, UsageError, raise_all
from training.data.catalog import Kind, Recording
from training.data.layouts.folders import alike, fault_of, read_rows
from training.data.splits import Part

if TYPE_CHECKING:
    from pathlib import Path

LICENCE = "ComParE 2021: for the challenge's participants"
PARTS = {"train": Part.TRAIN, "devel": Part.VALIDATION, "test": Part.TEST}
UNKNOWN = "?"
"""What the test part has in place of labels."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A clip of the challenge."""

    recording: Recording
    part: Part
    """The development part is `validation`."""


def load_compare2021(root: Path) -> list[Segment]:
    """Labelled clips under `root`, by path; those whose label is `?` are passed over.

    Raises UsageError when a table cannot be read or lacks the columns `filename` and `label`, or StartError with
    everything that is wrong: files that are missing, empty or no audio, that have no label or stand in two tables,
    labels that differ only in case. The test part's table may be missing.
    """
    errors: list[AuricleError] = []
    found: list[Segment] = []
    seen: dict[str, str] = {}
    for name, part in PARTS.items():
        table = root / "lab" / f"{name}.csv"
        if part is Part.TEST and not table.is_file():
            continue
        for line, row in read_rows(table, ("filename", "label")):
            file, label = row["filename"], row["label"]
            where = f"{table}, line {line}"
            if file in seen:
                errors.append(UsageError(where, f"{file} is named in {seen[file]} too", "Name each file once."))
                continue
            seen[file] = where
            path = root / "wav" / file
            if not file or not label:
                why = f"it has no {'label' if file else 'filename'}"
                errors.append(UsageError(where, why, "Unpack the challenge's labels again."))
            elif label == UNKNOWN:
                continue
            elif not path.is_file():
                errors.append(UsageError(where, f"there is no file wav/{file}", "Unpack all audio into wav/."))
            elif not fault_of(path, root, errors):
                # Clips were cut from recordings that the challenge does not name: the parts are all that is known.
                groups = (f"file:{path.stem}",)
                found.append(Segment(Recording(f"wav/{file}", Kind.ANIMAL, label, LICENCE, groups), part))
    if not found and not errors:
        errors.append(UsageError(f"data set {root}", "it names no labelled recording", "Unpack its lab folder."))
    errors += alike((one.recording.label for one in found), f"data set {root}")
    raise_all(errors)
    return sorted(found, key=lambda one: one.recording.path)
