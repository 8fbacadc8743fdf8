"""One thing wrong with a bundle, in the user's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong where."""

    where: str
    """File inside the bundle, and key or array in it: `manifest.json: model.sha256`."""
    why: str
    """The reason, without a full stop."""
    remedy: str = ""
    """Where it is another than for bundles in general."""

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


def bundle_error(path: Path, faults: Iterable[Fault], remedy: str) -> BundleError:
    """One error that names every fault, one a line when there are several."""
    faults = list(faults)
    lines = [str(fault) for fault in faults]
    own = {fault.remedy for fault in faults}
    if len(own) == 1:
        remedy = own.pop() or remedy
    why = lines[0] if len(lines) == 1 else f"{len(lines)} faults:" + "".join(f"\n  - {line}" for line in lines) + "\n "
    return BundleError(f"model bundle {path}", why, remedy)


def shape_text(shape: tuple[int | None, ...]) -> str:
    """`(batch, 50, 128)`: the first free axis is the batch, further ones are `any`."""
    sizes = ["batch" if size is None and axis == 0 else str(size or "any") for axis, size in enumerate(shape)]
    return f"({', '.join(sizes)})"
