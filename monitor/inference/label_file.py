"""Labels of a classifier that are too many for its manifest: UTF-8 text, one a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.inference.faults import Fault
from monitor.inference.manifest_file import sha256_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.inference.manifest import Manifest


def write_labels(path: Path, labels: Sequence[str]) -> Path:
    """Write them, one a line; the path."""
    path.write_text("".join(f"{label}\n" for label in labels), encoding="utf-8", newline="\n")
    return path


def read_labels(text: str, file: str) -> tuple[tuple[str, ...], list[Fault]]:
    """The lines of a list, without the white space around them, and everything wrong with them."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    faults = [Fault(file, f"line {number} is empty") for number, line in enumerate(lines, 1) if not line][:5]
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if line and line in seen:
            faults.append(Fault(file, f"`{line}` stands in lines {seen[line]} and {number}"))
        seen.setdefault(line, number)
    if not lines:
        faults.append(Fault(file, "holds no label"))
    return tuple(lines), faults


def bundle_labels(folder: Path, manifest: Manifest) -> tuple[tuple[str, ...], list[Fault]]:
    """The labels of a bundle, wherever they stand, and everything wrong with the file that holds them."""
    declared = manifest.labels_file
    if declared is None:
        return manifest.labels, []
    file = folder / declared.file
    try:
        if sha256_of(file) != declared.sha256:
            return (), [Fault(file.name, "was changed: its SHA-256 is not that of the manifest")]
        labels, faults = read_labels(file.read_text(encoding="utf-8"), file.name)
    except FileNotFoundError:
        return (), [Fault(file.name, "is missing")]
    except (OSError, UnicodeDecodeError) as error:
        return (), [Fault(file.name, f"cannot be read: {error}")]
    if len(labels) != declared.count:
        faults.append(Fault(file.name, f"has {len(labels)} labels, the manifest says {declared.count}"))
    return labels, faults
