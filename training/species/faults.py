"""What is wrong with labelled recordings, all of it at once, before anything is trained."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING

from monitor.audio.files import FileSource
from monitor.errors import AuricleError, SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from training.data.catalog import Recording

LEAST_CLIPS = 2


def audio_errors(
    root: Path, recordings: Sequence[Recording], cache: Path, progress: Callable[[str], None]
) -> list[AuricleError]:
    """One for each file that cannot be read to its end, is empty, or holds values that are no finite number.

    Files that were found sound before, and have the size that they had, are not read again.
    """
    listing = [[one.path, (root / one.path).stat().st_size] for one in recordings]
    name = hashlib.sha256(json.dumps([str(root.resolve()), listing]).encode()).hexdigest()[:16]
    passed = cache / f"sound-{name}"
    if passed.is_file():
        return []
    progress(f"looking at {len(recordings)} recordings")
    errors = [error for one in recordings if (error := _fault(root, one)) is not None]
    if not errors:
        cache.mkdir(parents=True, exist_ok=True)
        passed.touch()
    return errors


def class_errors(labels: Sequence[str], reject: str, where: str) -> list[AuricleError]:
    """One for each class that cannot be learned, and one if there are fewer than two classes."""
    counts = Counter(labels)
    errors: list[AuricleError] = [
        UsageError(
            f"class {label} in {where}",
            "it has one clip, so nothing can be held back to ask about",
            "Add recordings, or move the class away.",
        )
        for label, count in sorted(counts.items())
        if count < LEAST_CLIPS
    ]
    if not set(counts) - {reject}:
        errors.append(UsageError(where, "it has no class but the reject class", "Add a folder for each animal."))
    elif len(counts) < 2:
        remedy = f"Add another animal, or a class `{reject}` of what else is heard at the place."
        errors.append(UsageError(where, "it has one class", remedy))
    return errors


def _fault(root: Path, recording: Recording) -> AuricleError | None:
    try:
        source = FileSource(root / recording.path)
        heard = sum(len(block.samples) for block in source.blocks())
    except SourceError as error:
        return error
    what = f"{recording.path} in {root}"
    if source.non_finite:
        why = f"{source.non_finite} of its values are no finite number"
        return UsageError(what, why, "Export it again from the original.")
    if heard == 0:
        return UsageError(what, "it has no sound", "Record or copy it again, or leave it out.")
    return None
