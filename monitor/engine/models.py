"""Loads the bundles that the settings ask for, all faults at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor import paths
from monitor.birds.cohort import Calibration, Cohort
from monitor.birds.gate import Gate, GateThresholds
from monitor.birds.sound_embedder import embedder_of
from monitor.birds.tagger import Tagger
from monitor.core.types import ENGINE_RATE
from monitor.engine.classifiers import load_classifiers
from monitor.engine.scene import SceneModel, load_scene
from monitor.engine.shelf import Shelf
from monitor.engine.sound_class import load_sound_class
from monitor.errors import AuricleError, SettingsError, raise_all
from monitor.machines.encoder import DEFAULT_ENCODER as DEFAULT_MACHINE_ENCODER
from monitor.machines.encoder import MachineEncoder
from monitor.scene.soundclass import TIME_CONSTANT_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.birds.sound_embedder import AnyEmbedder
    from monitor.inference.bundle import Bundle
    from monitor.settings import (
        BirdsSettings,
        MachinesSettings,
        SceneSettings,
        Settings,
        SoundSettings,
        SpeciesSettings,
    )
    from monitor.species.classifier import Classifier


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
    embedder: AnyEmbedder
    cohort: Cohort
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class Models:
    """What the pipeline runs; one set serves all sources. A branch whose model is None is not built."""

    gate: GateModel | None = None
    encoder: EncoderModel | None = None
    classifiers: tuple[Classifier, ...] = ()
    """Of known species."""
    gated: bool = False
    """Whether classifiers hear only what the gate lets through."""
    machine_encoder: MachineEncoder | None = None
    """Shared by all machines; without one they are judged by simple features alone."""
    machine_bundle: Bundle | None = None
    """Of that encoder."""
    scene: SceneModel | None = None
    """What scenes are told with."""
    sound_class: Bundle | None = None
    """What noise, music and speech are told with."""
    sound_time_constant_s: float = TIME_CONSTANT_S
    """Of the average behind the smoothed class, seconds."""

    @property
    def shared_hop(self) -> int | None:
        """Engine samples between windows of a classifier that is another head of the encoder; None: there is none."""
        if self.encoder is None:
            return None
        # At other rates each has resampled for itself, and no two windows are the same.
        heads = (one for one in self.classifiers if one.bundle is self.encoder.bundle and one.rate == ENGINE_RATE)
        return next((one.hop_length for one in heads), None)


def load_all_models(settings: Settings) -> Models:
    """The bundles of every branch, as `load_models` loads them."""
    branches = (settings.species, settings.machines, settings.scene, settings.sound)
    return load_models(settings.birds, paths.model_roots(), settings.engine.threads, *branches)


def load_models(
    birds: BirdsSettings,
    roots: Sequence[Path],
    threads: int = 1,
    species: SpeciesSettings | None = None,
    machines: MachinesSettings | None = None,
    scene: SceneSettings | None = None,
    sound: SoundSettings | None = None,
) -> Models:
    """Find, check and load every bundle; a branch that is given no settings has no models.

    Raises BundleError or SettingsError, or StartError where several things are at fault.

    The default encoder may be absent; one that the settings name may not.
    """
    shelf = Shelf(roots, threads)
    errors: list[AuricleError] = []
    gate: GateModel | None = None
    encoder: EncoderModel | None = None
    classifiers: tuple[Classifier, ...] = ()
    gated = species is not None and species.enabled and species.run == "gated"
    if birds.enabled:
        try:
            gate = _gate(birds, shelf)
        except AuricleError as error:
            errors.append(error)
        try:
            encoder = _encoder(birds, shelf)
        except AuricleError as error:
            errors.append(error)
    elif gated:
        remedy = "Set species.run to always, or birds.enabled to true"
        errors.append(SettingsError("species.run", "the gate decides, but birds.enabled is false", remedy))
    if gate and encoder:
        try:
            Tagger(encoder.embedder, gate.bundle, gate.thresholds)  # two that do not fit are refused here
        except AuricleError as error:
            errors.append(error)
    try:
        classifiers = load_classifiers(species, shelf) if species else ()
    except AuricleError as error:
        errors.append(error)
    machine_bundle: Bundle | None = None
    machine_encoder: MachineEncoder | None = None
    try:
        machine_bundle = _machine_bundle(machines, shelf) if machines else None
        machine_encoder = MachineEncoder(machine_bundle) if machine_bundle else None
    except AuricleError as error:
        errors.append(error)
    scene_model: SceneModel | None = None
    try:
        scene_model = load_scene(scene, shelf) if scene else None
    except AuricleError as error:
        errors.append(error)
    sound_class: Bundle | None = None
    try:
        sound_class = load_sound_class(sound, shelf) if sound else None
    except AuricleError as error:
        errors.append(error)
    raise_all(errors)
    smoothing_s = sound.time_constant_s if sound else TIME_CONSTANT_S
    of_machines = (machine_encoder, machine_bundle)
    return Models(gate, encoder, classifiers, gated, *of_machines, scene_model, sound_class, smoothing_s)


def _machine_bundle(machines: MachinesSettings, shelf: Shelf) -> Bundle | None:
    if not machines.enabled or (machines.encoder is None and not shelf.has(DEFAULT_MACHINE_ENCODER)):
        return None
    return shelf.take(machines.encoder or DEFAULT_MACHINE_ENCODER)


def _gate(birds: BirdsSettings, shelf: Shelf) -> GateModel:
    bundle = shelf.take(birds.gate)
    thresholds = GateThresholds.of(bundle.manifest, birds.threshold_on, birds.threshold_off)
    Gate(bundle, thresholds)  # a bundle of another task is refused here, before any audio comes
    return GateModel(bundle, thresholds)


def _encoder(birds: BirdsSettings, shelf: Shelf) -> EncoderModel | None:
    if not birds.tagging:
        return None
    if birds.encoder is None and not shelf.has(DEFAULT_ENCODER):
        return None
    bundle = shelf.take(birds.encoder or DEFAULT_ENCODER)
    embedder = embedder_of(bundle)  # a bundle of another task is refused here
    return EncoderModel(bundle, embedder, Cohort.of(bundle), Calibration.of(bundle.manifest, birds.known))
