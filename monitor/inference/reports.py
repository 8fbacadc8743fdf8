"""What `auricle doctor` and `auricle models` show: every bundle there is, sound or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.inference.bundle import bundle_folders, examine_bundle, read_manifest
from monitor.inference.faults import Fault
from monitor.inference.manifest import CARD_FILE, GOLDEN_FILE, MANIFEST_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LARGEST_SHIPPED = 8_000_000
"""Bytes of one file of a bundle that comes with the program."""
LARGEST_GOLDEN_SHIPPED = 200_000
"""Bytes of its golden.npz."""
LARGEST_ROOT_SHIPPED = 24_000_000
"""Bytes of all bundles that come with the program."""


@dataclass(frozen=True, slots=True)
class BundleReport:
    """One bundle, looked at."""

    path: Path
    name: str
    """As its folder says, so that a broken one has a name too."""
    version: str
    task: str
    """As the manifest says; `?` where that cannot be read."""
    summary: str
    """One line; empty where the manifest cannot be read."""
    size: int
    """Bytes of all its files."""
    hidden: bool
    """A newer version in the same root, or an earlier root, has the name: it is used only by `name@version`."""
    findings: tuple[Fault, ...]
    """Everything wrong with it; empty when it is sound and its golden self-test passed."""

    @property
    def faults(self) -> tuple[str, ...]:
        """The findings as text."""
        return tuple(str(finding) for finding in self.findings)


def inspect_models(roots: Sequence[Path]) -> list[BundleReport]:
    """Check every bundle below the roots, earlier roots first, then by name, oldest version first."""
    reports: list[BundleReport] = []
    seen: set[str] = set()
    for root in roots:
        folders = bundle_folders(root)
        newest = {path.parent.name: path for path in folders}
        for path in folders:
            name = path.parent.name
            reports.append(_report(path, hidden=name in seen or newest[name] != path))
        seen |= newest.keys()
    return reports


def shipping_faults(root: Path) -> list[Fault]:
    """What keeps the bundles below `root` from being shipped: faults, too many bytes, a second version, no card."""
    faults: list[Fault] = []
    total = 0
    folders = bundle_folders(root)
    names = [path.parent.name for path in folders]
    faults += [Fault(name, "only one version may be shipped") for name in sorted(set(names)) if names.count(name) > 1]
    for path in folders:
        report = _report(path, hidden=False)
        total += report.size
        at = f"{report.name}/{report.version}"
        faults += [Fault(f"{at}/{finding.where}", finding.why) for finding in report.findings]
        if not (path / CARD_FILE).is_file():
            faults.append(Fault(f"{at}/{CARD_FILE}", "is missing"))
        for file in _files(path):
            size = file.stat().st_size
            limit = LARGEST_GOLDEN_SHIPPED if file.name == GOLDEN_FILE else LARGEST_SHIPPED
            if size > limit:
                faults.append(Fault(f"{at}/{file.name}", f"has {size} bytes, at most {limit} may be shipped"))
    if total > LARGEST_ROOT_SHIPPED:
        faults.append(Fault(str(root), f"has {total} bytes in all, at most {LARGEST_ROOT_SHIPPED} may be shipped"))
    return faults


def _report(path: Path, *, hidden: bool) -> BundleReport:
    name, version = path.parent.name, path.name
    manifest, _ = read_manifest(path)
    _, faults = examine_bundle(path)
    if manifest and (manifest.name, manifest.version) != (name, version):
        faults.append(Fault(MANIFEST_FILE, f"describes {manifest.id}, but lies in {name}/{version}"))
    task = manifest.task if manifest else "?"
    summary = manifest.summary if manifest else ""
    size = sum(file.stat().st_size for file in _files(path))
    return BundleReport(path, name, version, task, summary, size, hidden, tuple(faults))


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file())
