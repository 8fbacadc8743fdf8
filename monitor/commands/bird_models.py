"""The gate and the encoder, for commands that teach species or embed recordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor import paths
from monitor.birds.expectation import Judge
from monitor.birds.gate import Gate, GateThresholds
from monitor.birds.sound_embedder import embedder_of
from monitor.birds.tagger import Tagger
from monitor.engine.models import DEFAULT_ENCODER
from monitor.errors import AuricleError, BundleError, StartError
from monitor.inference.bundle import find_bundle, load_bundle, read_manifest

if TYPE_CHECKING:
    from monitor.birds.sound_embedder import AnyEmbedder
    from monitor.inference.bundle import Bundle
    from monitor.settings import Settings


@dataclass(frozen=True, slots=True)
class BirdModels:
    """A gate and an encoder."""

    gate: Bundle
    thresholds: GateThresholds
    """Of the gate, as the settings have them."""
    encoder: Bundle
    embedder: AnyEmbedder


def encoder_name(settings: Settings, named: str | None) -> str:
    """The encoder that a command uses: the one named, else that of the settings, else the default."""
    return named or settings.birds.encoder or DEFAULT_ENCODER


def load_bird_models(settings: Settings, encoder: str | None = None) -> BirdModels:
    """Find, check and load both. Raises BundleError, or StartError where both are at fault; two must fit together."""
    errors: list[AuricleError] = []
    encoder_bundle: Bundle | None = None
    gate: Bundle | None = None
    try:
        encoder_bundle = load_encoder(settings, encoder)
    except AuricleError as error:
        errors.append(error)
    wanted = settings.birds
    try:
        gate = load_bundle(find_bundle(wanted.gate, paths.model_roots()), settings.engine.threads)
        Gate(gate)  # a bundle of another task is refused here
    except AuricleError as error:
        errors.append(error)
    if gate is None or encoder_bundle is None:
        raise StartError(errors) if len(errors) > 1 else errors[0]
    thresholds = GateThresholds.of(gate.manifest, wanted.threshold_on, wanted.threshold_off)
    embedder = embedder_of(encoder_bundle)
    Tagger(embedder, gate, thresholds)  # two that do not fit are refused here
    return BirdModels(gate, thresholds, encoder_bundle, embedder)


def load_encoder(settings: Settings, named: str | None = None) -> Bundle:
    """The encoder's bundle. Raises BundleError when there is none, or it is not sound or no encoder."""
    bundle = load_bundle(find_bundle(encoder_name(settings, named), paths.model_roots()), settings.engine.threads)
    embedder_of(bundle)  # a bundle of another task is refused here
    return bundle


def judge_of(encoder: Bundle, settings: Settings) -> Judge:
    """What similarities are worth to an encoder. Raises BundleError when it has no cohort."""
    return Judge.of(encoder, settings.birds.known)


def present_encoder(settings: Settings) -> str | None:
    """`name@version` of the encoder in use, from its manifest alone; None where there is none that can be read."""
    try:
        folder = find_bundle(encoder_name(settings, None), paths.model_roots())
    except BundleError:
        return None
    manifest, _ = read_manifest(folder)
    return manifest.id if manifest else None
