"""Further files of a bundle, each covered by a hash in the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.inference.faults import Fault
from monitor.inference.manifest_file import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.inference.manifest import Manifest


def extra_faults(folder: Path, manifest: Manifest) -> list[Fault]:
    """What is missing or was changed."""
    faults: list[Fault] = []
    for declared in (manifest.files or {}).values():
        try:
            digest = sha256_of(folder / declared.file)
        except FileNotFoundError:
            faults.append(Fault(declared.file, "is missing"))
        except OSError as error:
            faults.append(Fault(declared.file, f"cannot be read: {error.strerror or error}"))
        else:
            if digest != declared.sha256:
                why = f"was changed: its SHA-256 is {digest[:16]}..., the manifest says {declared.sha256[:16]}..."
                faults.append(Fault(declared.file, why))
    return faults
