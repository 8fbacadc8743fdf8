"""`species range`: what is expected at a place, and when."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from monitor import paths
from monitor.commands import console
from monitor.engine.classifiers import DEFAULT_CLASSIFIER, labels_of, no_classifier, place_of
from monitor.engine.shelf import Shelf
from monitor.errors import BundleError, UsageError
from monitor.species.occurrence import Occurrence, has_occurrence
from monitor.species.reporting import Wanted, is_species, reported_labels

if TYPE_CHECKING:
    from monitor.inference.bundle import Bundle
    from monitor.settings import SpeciesSettings
    from monitor.species.labels import SpeciesLabel


def print_range(settings: SpeciesSettings, *, as_json: bool) -> int:
    """Print the species that are told of at the settings' place, the most probable first; returns the exit code."""
    place = place_of(settings)
    if place is None:
        remedy = "Give --lat and --lon, or set species.latitude and species.longitude"
        raise UsageError("species range", "no place is given", remedy)
    bundle = _with_occurrence(settings)
    labels = labels_of(bundle)
    occurrence = Occurrence(bundle).probabilities(place)
    told = reported_labels(labels, Wanted(settings.allow, settings.deny, settings.range_threshold), occurrence)
    rows = [
        (label, float(chance))
        for label, chance, shown in zip(labels, occurrence, told, strict=True)
        if shown and is_species(label)
    ]
    rows.sort(key=lambda row: (-row[1], row[0].text))
    if as_json:
        console.print_line(json.dumps([_fields(label, chance) for label, chance in rows], ensure_ascii=False))
        return 0
    for label, chance in rows:
        console.print_line(f"{chance:6.1%}  {label.scientific:<32} {label.common}")
    when = "at any time of the year" if place.week is None else f"in week {place.week} of 48"
    where = f"at {place.latitude:g}, {place.longitude:g} {when}"
    console.messages.print(f"{len(rows)} species {where}, by {bundle.manifest.id}", markup=False)
    return 0


def _fields(label: SpeciesLabel, chance: float) -> dict[str, object]:
    return {
        "label": label.text,
        "scientific": label.scientific,
        "common": label.common,
        "kind": str(label.kind),
        "probability": round(chance, 4),
    }


def _with_occurrence(settings: SpeciesSettings) -> Bundle:
    """The first classifier in use that knows where its species occur. Raises BundleError."""
    shelf = Shelf(paths.model_roots())
    names = (DEFAULT_CLASSIFIER,) if settings.models is None else settings.models
    if settings.models is None and not shelf.has(DEFAULT_CLASSIFIER):
        raise no_classifier()
    for name in names:
        bundle = shelf.take(name)
        if has_occurrence(bundle):
            return bundle
    why = "knows nothing of where its species occur"
    raise BundleError(f"model {', '.join(names) or 'none'}", why, "Use birdnet: auricle models import birdnet")
