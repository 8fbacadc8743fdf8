"""Loads the classifiers of known species that the settings ask for, and decides what each tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import AuricleError, BundleError, SettingsError, raise_all
from monitor.species.classifier import Classifier, ClassifierOptions
from monitor.species.labels import parse_label
from monitor.species.occurrence import Occurrence, Place, has_occurrence
from monitor.species.reporting import Wanted, reported_labels, unknown_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from monitor.engine.shelf import Shelf
    from monitor.inference.bundle import Bundle
    from monitor.settings import SpeciesSettings
    from monitor.species.labels import SpeciesLabel

DEFAULT_CLASSIFIER = "birdnet"
"""Used where the settings name none, if it was imported."""


def load_classifiers(settings: SpeciesSettings, shelf: Shelf) -> tuple[Classifier, ...]:
    """Ready to run. Raises BundleError or SettingsError, or StartError where several things are wrong."""
    if not settings.enabled:
        return ()
    names = settings.models
    if names is None:
        names = (DEFAULT_CLASSIFIER,) if shelf.has(DEFAULT_CLASSIFIER) else ()
    errors: list[AuricleError] = []
    bundles: list[Bundle] = []
    for name in dict.fromkeys(names):
        try:
            bundle = shelf.take(name)
            Classifier(bundle, _options(settings))  # a bundle of another task is refused here
            bundles.append(bundle)
        except AuricleError as error:
            errors.append(error)
    raise_all(errors)
    _refuse_unknown_names(settings, bundles)
    _refuse_unknown_place(settings, bundles)
    return tuple(Classifier(bundle, _options(settings), _reported(settings, bundle)) for bundle in bundles)


def no_classifier() -> BundleError:
    """Where a place is given and nothing that knows species of places is here."""
    why = "is not here, and it is what knows where species occur"
    return BundleError(f"model {DEFAULT_CLASSIFIER}", why, "Import it: auricle models import birdnet")


def place_of(settings: SpeciesSettings) -> Place | None:
    """Where the settings say that the microphone is; None where they do not."""
    if settings.latitude is None or settings.longitude is None:
        return None
    return Place(settings.latitude, settings.longitude, settings.week)


def labels_of(bundle: Bundle) -> tuple[SpeciesLabel, ...]:
    """Its labels, taken apart."""
    return tuple(parse_label(text, bundle.manifest.binomials) for text in bundle.labels)


def _options(settings: SpeciesSettings) -> ClassifierOptions:
    return ClassifierOptions(settings.overlap_s, settings.sensitivity, settings.confidence)


def _reported(settings: SpeciesSettings, bundle: Bundle) -> NDArray[np.bool_]:
    place = place_of(settings)
    occurrence = Occurrence(bundle).probabilities(place) if place and has_occurrence(bundle) else None
    wanted = Wanted(settings.allow, settings.deny, settings.range_threshold)
    return reported_labels(labels_of(bundle), wanted, occurrence)


def _refuse_unknown_names(settings: SpeciesSettings, bundles: list[Bundle]) -> None:
    """A name that is misspelt would silence a species, or let it through, without a word."""
    if not bundles:
        return
    labels = [label for bundle in bundles for label in labels_of(bundle)]
    faults = [
        f"species.{key}: no model in use knows {name}"
        for key, names in (("allow", settings.allow), ("deny", settings.deny))
        for name in unknown_names(names, labels)
    ]
    if faults:
        remedy = "Give labels, scientific or common names; `auricle species range` prints those of a place"
        raise SettingsError("settings", "; ".join(faults), remedy)


def _refuse_unknown_place(settings: SpeciesSettings, bundles: list[Bundle]) -> None:
    """Whoever gives a place waits for species, which would never come."""
    if place_of(settings) is None:
        return
    if not bundles:
        raise no_classifier()
    if not any(has_occurrence(bundle) for bundle in bundles):
        names = ", ".join(bundle.manifest.id for bundle in bundles)
        why = "knows nothing of where its species occur, so that a latitude has no meaning"
        raise BundleError(f"model {names}", why, "Take the place out of the settings, or use birdnet")
