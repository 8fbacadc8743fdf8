"""Loads the bundles that the settings ask for, all faults at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.birds.cohort import Calibration, Cohort
from monitor.birds.embedder import Embedder
from monitor.birds.gate import Gate, GateThresholds
from monitor.birds.tagger import Tagger
from monitor.errors import AuricleError, raise_all
from monitor.inference.bundle import bundle_folders, find_bundle, load_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.inference.bundle import Bundle
    from monitor.settings import BirdsSettings


DEFAULT_ENCODER = "bird-encoder"
"""Used where the settings name none, if it is there."""


@dataclass(frozen=True, slots=True)
class GateModel:
    """The bird gate, ready to run."""

    bundle: Bundle
    thresholds: GateThresholds


@dataclass(frozen=True, slots=True)
class EncoderModel:
    """What species are told apart with, ready to run."""

    bundle: Bundle
    embedder: Embedder
    cohort: Cohort
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class Models:
    """What the pipeline runs; one set serves all sources. A branch whose model is None is not built."""

    gate: GateModel | None = None
    encoder: EncoderModel | None = None


def load_models(birds: BirdsSettings, roots: Sequence[Path], threads: int = 1) -> Models:
    """Find, check and load every bundle. Raises BundleError, or StartError where several are at fault.

    The default encoder may be absent; one that the settings name may not.
    """
    errors: list[AuricleError] = []
    gate: GateModel | None = None
    encoder: EncoderModel | None = None
    if birds.enabled:
        try:
            gate = _gate(birds, roots, threads)
        except AuricleError as error:
            errors.append(error)
        try:
            encoder = _encoder(birds, roots, threads)
        except AuricleError as error:
            errors.append(error)
    if gate and encoder:
        try:
            Tagger(encoder.embedder, gate.bundle, gate.thresholds)  # two that do not fit are refused here
        except AuricleError as error:
            errors.append(error)
    raise_all(errors)
    return Models(gate, encoder)


def _gate(birds: BirdsSettings, roots: Sequence[Path], threads: int) -> GateModel:
    bundle = load_bundle(find_bundle(birds.gate, roots), threads)
    thresholds = GateThresholds.of(bundle.manifest, birds.threshold_on, birds.threshold_off)
    Gate(bundle, thresholds)  # a bundle of another task is refused here, before any audio comes
    return GateModel(bundle, thresholds)


def _encoder(birds: BirdsSettings, roots: Sequence[Path], threads: int) -> EncoderModel | None:
    if not birds.tagging:
        return None
    if birds.encoder is None and not _present(DEFAULT_ENCODER, roots):
        return None
    bundle = load_bundle(find_bundle(birds.encoder or DEFAULT_ENCODER, roots), threads)
    embedder = Embedder(bundle)  # a bundle of another task is refused here
    return EncoderModel(bundle, embedder, Cohort.of(bundle), Calibration.of(bundle.manifest, birds.known))


def _present(name: str, roots: Sequence[Path]) -> bool:
    return any(folder.parent.name == name for root in roots for folder in bundle_folders(root))
