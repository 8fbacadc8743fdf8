"""Cohorts for published models: what a similarity of their embeddings is worth, made by a recipe of ours.

A folder `<name>-<version>/` with `companion.json` and `cohort.npz` (`cohort_file.py`). It holds embeddings of clips, no
weights. An import puts it into the bundle whose model it was made with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from monitor.errors import BundleError
from monitor.inference.manifest import CohortFile, Sha256, Text, Threshold  # noqa: TC001 (pydantic reads them)
from monitor.inference.manifest_file import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

COMPANION_FILE = "companion.json"

_REMEDY = "Put the original files back (install Auricle again)"


class Companion(BaseModel):
    """`companion.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    encoder: Text
    """`name@version` of the bundle that it belongs to."""
    model_sha256: Sha256
    """Of the published model file, as it was before the import."""
    cohort: CohortFile
    known: Threshold
    """Probability from which on a tag names a species."""
    licence: Text
    """Of the embeddings."""


@dataclass(frozen=True, slots=True)
class FoundCompanion:
    """A companion that was read and checked."""

    declared: Companion
    content: bytes
    """Of its cohort file."""


def companion_folder(root: Path, encoder: str) -> Path:
    """Where that of an encoder, `name@version`, lies or would."""
    return root / encoder.replace("@", "-")


def read_companion(root: Path, encoder: str, model_sha256: str) -> FoundCompanion | None:
    """That of an encoder; None where there is none. Raises BundleError when it is damaged or of another model file."""
    folder = companion_folder(root, encoder)
    file = folder / COMPANION_FILE
    if not file.is_file():
        return None
    try:
        declared = Companion.model_validate_json(file.read_text(encoding="utf-8"))
        cohort = folder / declared.cohort.file
        digest, content = sha256_of(cohort), cohort.read_bytes()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(str(file), f"{where}: {first['msg']}", _REMEDY) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(str(file), f"cannot be read: {error}", _REMEDY) from error
    if digest != declared.cohort.sha256:
        raise BundleError(str(cohort), "was changed: its SHA-256 is not that of companion.json", _REMEDY)
    if (declared.encoder, declared.model_sha256) != (encoder, model_sha256):
        raise BundleError(str(file), f"was made with another model than this {encoder}", _REMEDY)
    return FoundCompanion(declared, content)
