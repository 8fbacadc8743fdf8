"""`species`: teach the tagger, and look after what it was taught."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor import paths
from monitor.audio.rates import engine_blocks
from monitor.audio.sources import expand_paths, open_source
from monitor.birds.background import FalseTags, final_tags
from monitor.birds.clips import prepare, read_clip
from monitor.birds.enroll import enroll as enroll_clips
from monitor.birds.enroll import enrollment_warnings, refuse_faults, update
from monitor.birds.enrolled import Enrolled
from monitor.birds.expectation import expect
from monitor.birds.frames import Stretch
from monitor.birds.prototype import MOST_CLIPS
from monitor.birds.prototypes import PrototypeStore
from monitor.commands import console, kept, species_report
from monitor.commands.bird_models import judge_of, load_bird_models, load_encoder, present_encoder
from monitor.commands.given import distinct, tracked
from monitor.core.text import counted
from monitor.errors import AuricleError, BundleError, UsageError, raise_all
from monitor.inference.session import InferenceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.audio.sources import Source
    from monitor.birds.clips import PreparedClip
    from monitor.birds.expectation import Judge
    from monitor.birds.prototype import Prototype
    from monitor.birds.prototypes import Existing
    from monitor.commands.bird_models import BirdModels
    from monitor.core.types import Span
    from monitor.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to enroll."""

    existing: Existing = "refuse"
    threshold: float | None = None
    """Probability, 0..1; None: the encoder's."""
    background: Sequence[str] = ()
    """Recordings without the species, to count false tags in."""
    encoder: str | None = None


def existing_of(replace: bool, add: bool) -> Existing:
    """What the flags say. Raises UsageError for both."""
    if replace and add:
        raise UsageError("--replace and --add", "exclude each other", "Give one: forget the old clips, or keep them")
    return "replace" if replace else "add" if add else "refuse"


def enroll(name: str, given: Sequence[str], wanted: Wanted, settings: Settings) -> int:
    """Learn a species from clips and print what to expect of it; returns the exit code."""
    models = load_bird_models(settings, wanted.encoder)
    judge = judge_of(models.encoder, settings)
    store = PrototypeStore(paths.species_folder())
    clips, errors = _prepared(given, models)
    backgrounds: list[Source] = []
    try:
        backgrounds = [open_source(path) for path in expand_paths(wanted.background)]
    except AuricleError as error:
        errors.append(error)
    refuse_faults(store, name, clips, models.embedder.model_id, wanted.threshold, wanted.existing, errors)
    done = enroll_clips(store, name, clips, models.embedder, judge, time.time_ns(), wanted.threshold, wanted.existing)
    species_report.print_enrollment(done)
    if not backgrounds:
        return 0
    heard, faults = _false_tags(done.prototype.name, backgrounds, store, models, judge)
    species_report.print_false_tags(heard)
    for fault in faults:
        console.print_error(fault)
    return 1 if faults else 0


def list_species(settings: Settings, *, as_json: bool) -> int:
    """Print a table of what is enrolled; 1 when a file is damaged."""
    store = PrototypeStore(paths.species_folder())
    present = present_encoder(settings)
    rows = [species_report.row_of(prototype, present) for prototype in store.list()]
    nothing = f"no species in {paths.species_folder()}"
    return kept.print_rows(store, rows, species_report.print_list, nothing, as_json=as_json)


def show(name: str, settings: Settings, *, as_json: bool) -> int:
    """Print one species, and what to expect of it where its encoder is the one in use."""
    store = PrototypeStore(paths.species_folder())
    prototype = store.get(name)
    present = present_encoder(settings)
    expectation = None
    if present and prototype.model_id == present:
        judge = judge_of(load_encoder(settings), settings)
        expectation = expect(prototype, store.for_encoder(present).prototypes, judge)
    if as_json:
        console.print_line(json.dumps(species_report.details_of(prototype, present, expectation), ensure_ascii=False))
    else:
        species_report.print_species(prototype, present, expectation)
    if expectation:
        species_report.print_warnings(enrollment_warnings(prototype, expectation))
    return 0


def remove(names: Sequence[str]) -> int:
    """Forget species, all or none. Raises UsageError for each that is not there."""
    return kept.remove(PrototypeStore(paths.species_folder()), names)


def export(file: Path, names: Sequence[str], *, replace: bool) -> int:
    """Write species with their audio to one file."""
    return kept.export(PrototypeStore(paths.species_folder()), file, names, replace=replace)


def import_species(file: Path, names: Sequence[str], existing: Existing, settings: Settings) -> int:
    """Take over species from an export, all or none."""
    store = PrototypeStore(paths.species_folder())
    told = store.import_from(file, names or None, existing)
    console.print_line(f"imported {', '.join(told)}")
    present = present_encoder(settings)
    others = [name for name in told if store.get(name).model_id != present]
    if others and present:
        why = f"{', '.join(others)}: learnt with another encoder than {present}"
        console.messages.print(f"{why}; `auricle species update` embeds the audio again", markup=False)
    return 0


def set_threshold(name: str, threshold: float | None, *, default: bool) -> int:
    """Give a species its own threshold, or the encoder's again."""
    if (threshold is None) != default:
        raise UsageError("threshold", "give a probability or --default, one of the two", "Such as 0.8")
    if threshold is not None and not 0.0 <= threshold <= 1.0:
        raise UsageError(f"threshold {threshold:g}", "is no probability", "Give a number from 0 to 1")
    prototype = PrototypeStore(paths.species_folder()).set_threshold(name, threshold)
    console.print_line(f"{prototype.name}: {'the threshold of the encoder' if threshold is None else f'{threshold:g}'}")
    return 0


def update_species(names: Sequence[str], encoder: str | None, settings: Settings) -> int:
    """Embed kept audio again: of the species named, or of all that another encoder made. 1 when one could not be."""
    store = PrototypeStore(paths.species_folder())
    chosen = _named(store, names)
    models = load_bird_models(settings, encoder)
    if not names:
        chosen = [one for one in store.list() if one.model_id != models.embedder.model_id]
    failed = 0
    for prototype in tracked(chosen, "embedding"):
        try:
            fresh = update(store, prototype, models.gate, models.embedder, models.thresholds)
        except AuricleError as error:
            failed += 1
            console.print_error(error)
        else:
            console.print_line(
                f"{fresh.name}: {counted(len(fresh.clips), 'clip')}, {prototype.model_id} -> {fresh.model_id}"
            )
    if not chosen:
        console.messages.print(f"nothing to do: all species are of {models.embedder.model_id}", markup=False)
    for fault in store.faults if not names else ():
        failed += 1
        console.print_error(fault)
    return 1 if failed else 0


def _prepared(given: Sequence[str], models: BirdModels) -> tuple[list[PreparedClip], list[AuricleError]]:
    """The clips that can be learnt from, and what is wrong with the others."""
    found, errors = distinct(given)
    if len(found) > MOST_CLIPS:
        why = f"{len(found)} recordings were given"
        return [], [*errors, UsageError("clips", why, f"Give at most {MOST_CLIPS}, each cut to the calls")]
    clips: list[PreparedClip] = []
    for path in tracked(found, "listening to the clips"):
        try:
            clips.append(prepare(read_clip(path), models.gate, models.embedder, models.thresholds))
        except AuricleError as error:
            errors.append(error)
    return clips, errors


def _false_tags(
    name: str, backgrounds: Sequence[Source], store: PrototypeStore, models: BirdModels, judge: Judge
) -> tuple[FalseTags, list[AuricleError]]:
    """Tags of a species in recordings that should not hold it, and what could not be read to its end."""
    species = store.for_encoder(models.embedder.model_id)
    enrolled = Enrolled.of(species, judge.cohort, judge.calibration)
    places: list[tuple[str, Span]] = []
    heard = 0
    errors: list[AuricleError] = []
    for source in tracked(backgrounds, "listening to the background"):
        watch = Stretch()
        try:
            blocks = watch.over(engine_blocks(source.blocks(), source.rate))
            if enrolled:
                tags = final_tags(blocks, models.gate, models.embedder, enrolled, models.thresholds)
                places += [(source.name, tag.span) for tag in tags if tag.label == name]
        except AuricleError as error:
            errors.append(error)
        except InferenceError as error:
            errors.append(
                BundleError(source.name, f"a model failed on it ({error})", "Check it: auricle models verify")
            )
        heard += watch.length
    return FalseTags(tuple(places), heard), errors


def _named(store: PrototypeStore, names: Sequence[str]) -> list[Prototype]:
    """The species of these names. Raises what is wrong with each."""
    chosen: dict[str, Prototype] = {}
    errors: list[AuricleError] = []
    for name in names:
        try:
            prototype = store.get(name)
        except AuricleError as error:
            errors.append(error)
        else:
            chosen[prototype.name] = prototype
    raise_all(errors)
    return list(chosen.values())
