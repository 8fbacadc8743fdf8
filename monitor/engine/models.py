"""Loads the bundles that the settings ask for, all faults at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.birds.gate import Gate, GateThresholds
from monitor.errors import AuricleError, raise_all
from monitor.inference.bundle import find_bundle, load_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.inference.bundle import Bundle
    from monitor.settings import BirdsSettings


@dataclass(frozen=True, slots=True)
class GateModel:
    """The bird gate, ready to run."""

    bundle: Bundle
    thresholds: GateThresholds


@dataclass(frozen=True, slots=True)
class Models:
    """What the pipeline runs; one set serves all sources. A branch whose model is None is not built."""

    gate: GateModel | None = None


def load_models(birds: BirdsSettings, roots: Sequence[Path], threads: int = 1) -> Models:
    """Find, check and load every bundle. Raises BundleError, or StartError where several are at fault."""
    errors: list[AuricleError] = []
    gate: GateModel | None = None
    if birds.enabled:
        try:
            gate = _gate(birds, roots, threads)
        except AuricleError as error:
            errors.append(error)
    raise_all(errors)
    return Models(gate)


def _gate(birds: BirdsSettings, roots: Sequence[Path], threads: int) -> GateModel:
    bundle = load_bundle(find_bundle(birds.gate, roots), threads)
    thresholds = GateThresholds.of(bundle.manifest, birds.threshold_on, birds.threshold_off)
    Gate(bundle, thresholds)  # a bundle of another task is refused here, before any audio comes
    return GateModel(bundle, thresholds)
