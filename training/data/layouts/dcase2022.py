"""Task 2 of DCASE 2020 to 2023: a folder for each machine, in it training and test clips named by what they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import AuricleError, UsageError, raise_all
from training.data.layouts.folders import fault_of, read_rows, visible

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TRAINING_FOLDER = "train"
TEST_FOLDERS = ("test", "source_test", "target_test")
"""2021 keeps its domains in two folders."""
ATTRIBUTE_TABLE = re.compile(r"^attributes_[0-9]+\.csv$")

_SECTION = re.compile(
    r"^section_(?P<section>[0-9]+)_(?P<domain>source|target)_(?P<part>train|test)_(?P<label>normal|anomaly)"
    r"_(?P<number>[0-9]+)(?:_(?P<attribute>.+))?$"
)
_UNLABELLED = re.compile(r"^section_(?P<section>[0-9]+)(?:_(?P<domain>source|target)_test)?_(?P<number>[0-9]+)$")
_ID = re.compile(r"^(?:(?P<label>normal|anomaly)_)?id_(?P<section>[0-9]+)_(?P<number>[0-9]+)$")


@dataclass(frozen=True, slots=True)
class MachineClip:
    """One recording of one machine."""

    path: str
    """Relative to the data set."""
    machine: str
    section: int
    target: bool | None
    """Whether it is of the target domain; None where the name does not tell (evaluation data)."""
    train: bool
    """Whether it lies in `train`."""
    anomalous: bool | None
    """None where the name does not tell (evaluation data)."""
    attribute: str
    """What else the name says, such as `vel_620_ac_0.08`; empty where it says nothing."""
    attributes: dict[str, str]
    """The same as pairs, `{"vel": "620", "ac": "0.08"}`."""


def load_dcase2022(root: Path) -> list[MachineClip]:
    """All clips under `root`, by path. Folders without `train` or a test folder are no machines and passed over.

    Tables `attributes_00.csv` (file_name, d1p, d1v, d2p, d2v, ...) give a clip's attributes where there are any.

    Raises UsageError when there is no machine, or StartError with everything that is wrong: names that say nothing,
    files that are no audio or empty, an anomaly or a test name among the training clips.
    """
    errors: list[AuricleError] = []
    clips: list[MachineClip] = []
    for machine in visible(root):
        parts = [machine / name for name in (TRAINING_FOLDER, *TEST_FOLDERS) if (machine / name).is_dir()]
        tables = _tables(machine, errors) if parts else {}
        for part in parts:
            files = [path for path in visible(part) if path.is_file() or path.is_symlink()]
            if not files:
                errors.append(UsageError(f"{machine.name}/{part.name} in {root}", "it has no clips", "Fill it."))
            for path in files:
                if not fault_of(path, root, errors):
                    clips += _clip(path, root, tables, errors)
    raise_all(errors)
    if not clips:
        remedy = "Name the folder that holds a folder for each machine, each with train and test."
        raise UsageError(f"data set {root}", "it has no machines", remedy)
    return sorted(clips, key=lambda clip: clip.path)


def pairs_of(attribute: str) -> dict[str, str]:
    """`vel_620_ac_0.08` as pairs of name and value; words left over belong to the value of a single name."""
    words = attribute.split("_")
    if not attribute:
        return {}
    if len(words) % 2 or "" in words:
        return {words[0]: "_".join(words[1:])}
    return dict(zip(words[::2], words[1::2], strict=True))


def _clip(
    path: Path, root: Path, tables: dict[str, dict[str, str]], errors: list[AuricleError]
) -> Iterable[MachineClip]:
    name = path.relative_to(root).as_posix()
    train = path.parent.name == TRAINING_FOLDER
    matches = (pattern.match(path.stem) for pattern in (_SECTION, _UNLABELLED, _ID))
    match = next((found for found in matches if found is not None), None)
    if match is None:
        what = "section_00_source_train_normal_0000_attributes or normal_id_00_00000000"
        errors.append(UsageError(f"{name} in {root}", "its name says nothing", f"Names are like {what}."))
        return []
    said = match.groupdict()
    label, domain, attribute = said.get("label"), said.get("domain"), said.get("attribute")
    if train and (label == "anomaly" or said.get("part") == "test"):
        errors.append(UsageError(f"{name} in {root}", "it lies in train but is named otherwise", "Move or rename it."))
        return []
    if match.re is _ID:
        domain = "source"  # 2020 has one domain
    if domain is None and path.parent.name != "test":
        domain = path.parent.name.removesuffix("_test")
    known = tables.get(path.stem) or pairs_of(attribute or "")
    return [
        MachineClip(
            name,
            path.parents[1].name,
            int(said["section"]),
            None if domain is None else domain == "target",
            train,
            False if train else None if label is None else label == "anomaly",
            attribute or "_".join(word for pair in known.items() for word in pair),
            known,
        )
    ]


def _tables(machine: Path, errors: list[AuricleError]) -> dict[str, dict[str, str]]:
    """Attributes of clips by the stem of their file, of all tables of a machine."""
    found: dict[str, dict[str, str]] = {}
    for table in visible(machine):
        if not ATTRIBUTE_TABLE.match(table.name):
            continue
        try:
            rows = read_rows(table, ("file_name",))
        except UsageError as error:
            errors.append(error)
            continue
        for _, row in rows:
            stem = row["file_name"].rsplit("/", 1)[-1].rsplit(".", 1)[0]
            names = [key for key in row if re.fullmatch(r"d[0-9]+p", key) and row[key]]
            found[stem] = {row[key]: row.get(f"{key[:-1]}v", "") for key in names}
    return found
