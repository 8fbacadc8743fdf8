"""Bundles that are loaded once, however many ask for them: heads of one network then share its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.inference.bundle import bundle_folders, find_bundle, load_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.inference.bundle import Bundle


class Shelf:
    """The bundles of some roots of models."""

    def __init__(self, roots: Sequence[Path], threads: int = 1) -> None:
        self._roots = roots
        self._threads = threads
        self._loaded: dict[Path, Bundle] = {}

    def take(self, name: str) -> Bundle:
        """The bundle of that name, as `find_bundle` and `load_bundle` give it. Raises BundleError."""
        folder = find_bundle(name, self._roots)
        if folder not in self._loaded:
            self._loaded[folder] = load_bundle(folder, self._threads)
        return self._loaded[folder]

    def has(self, name: str) -> bool:
        """Whether there is one of that name."""
        return any(folder.parent.name == name for root in self._roots for folder in bundle_folders(root))
