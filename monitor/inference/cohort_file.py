"""`cohort.npz` of an encoder: embeddings of other species and of background, covered by a hash in the manifest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from monitor.core.types import read_only
from monitor.inference.arrays import read_arrays
from monitor.inference.faults import Fault, shape_text
from monitor.inference.manifest import COHORT_FILE
from monitor.inference.manifest_file import sha256_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.core.types import Float32Array
    from monitor.inference.manifest import CohortFile, Manifest

EMBEDDING, TAXON = "embedding", "taxon"
"""Arrays of the file."""

LENGTH_TOLERANCE = 5e-3
"""By how much a row's length may differ from 1: float16 rounding, and no more."""


@dataclass(frozen=True, slots=True, eq=False)
class CohortArrays:
    """What the file holds."""

    embedding: Float32Array
    """float32 `(m, d)`, rows of length 1, read-only."""
    taxon: tuple[str, ...]
    """m of them: the species of each row; empty for background."""


def write_cohort(path: Path, embedding: NDArray[np.floating], taxon: Sequence[str]) -> Path:
    """Write `(m, d)` rows of length 1 as float16, compressed, beside the taxon of each; its path."""
    rows = np.asarray(embedding, dtype=np.float16)
    with path.open("wb") as stream:
        np.savez_compressed(stream, embedding=rows, taxon=np.array(list(taxon), dtype=np.str_))
    return path


def read_cohort(file: Path, manifest: Manifest) -> tuple[CohortArrays | None, list[Fault]]:
    """The arrays, or None and everything wrong with them; None without a fault where the manifest has no cohort."""
    declared = manifest.cohort
    if declared is None:
        # A file that no hash covers would be taken for what it is not.
        return None, [Fault(file.name, "is not in the manifest")] if file.exists() else []
    try:
        digest = sha256_of(file)
    except OSError as error:
        return None, [Fault(file.name, f"cannot be read: {error.strerror or error}")]
    if digest != declared.sha256:
        why = f"was changed: its SHA-256 is {digest[:16]}..., the manifest says {declared.sha256[:16]}..."
        return None, [Fault(file.name, why)]
    arrays, faults = read_arrays(file)
    return (None, faults) if arrays is None else _checked(arrays, manifest, declared)


def _checked(
    arrays: dict[str, NDArray[np.generic]], manifest: Manifest, declared: CohortFile
) -> tuple[CohortArrays | None, list[Fault]]:
    name = declared.file
    faults = [Fault(name, f"array `{key}` is missing") for key in (EMBEDDING, TAXON) if key not in arrays]
    faults += [Fault(name, f"unknown array `{key}`") for key in arrays if key not in (EMBEDDING, TAXON)]
    embedding, taxon = arrays.get(EMBEDDING), arrays.get(TAXON)
    if embedding is not None:
        output = manifest.embedding or manifest.outputs[0]
        faults += _embedding_faults(name, embedding, output.shape)
    if taxon is not None and (taxon.dtype.kind != "U" or taxon.ndim != 1):
        faults.append(Fault(name, f"array `{TAXON}` must be text of 1 dimension, got {taxon.dtype} {taxon.shape}"))
    if faults or embedding is None or taxon is None:
        return None, faults
    if len(embedding) != len(taxon):
        return None, [Fault(name, f"{len(embedding)} embeddings, but {len(taxon)} taxa")]
    taxa = tuple(str(text) for text in taxon)
    sizes = Counter(text for text in taxa if text)
    left = len(taxa) - max(sizes.values(), default=0)
    if left < declared.nearest:
        why = f"without its largest taxon {left} rows are left, `nearest` is {declared.nearest}"
        return None, [Fault(name, why)]
    rows = cast("NDArray[np.float16]", embedding).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return CohortArrays(read_only(rows.astype(np.float32), dimensions=2), taxa), []


def _embedding_faults(file: str, embedding: NDArray[np.generic], output: tuple[int | None, ...]) -> list[Fault]:
    if embedding.dtype != np.float16 or embedding.ndim != 2:
        why = f"array `{EMBEDDING}` must be float16 of 2 dimensions, got {embedding.dtype} {embedding.shape}"
        return [Fault(file, why)]
    if embedding.shape[1:] != output[1:]:
        why = f"array `{EMBEDDING}` is {embedding.shape}, which does not fit the output, {shape_text(output)}"
        return [Fault(file, why)]
    lengths = np.linalg.norm(embedding.astype(np.float64), axis=1)
    # Written so that a NaN fails too.
    if not (np.abs(lengths - 1.0) <= LENGTH_TOLERANCE).all():
        return [Fault(file, f"array `{EMBEDDING}` has rows that are not of length 1")]
    return []


def cohort_path(folder: Path, manifest: Manifest) -> Path:
    """Where a bundle's cohort lies, or would."""
    return folder / (manifest.cohort.file if manifest.cohort else COHORT_FILE)
