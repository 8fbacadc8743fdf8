"""Teaches the store a species from prepared clips, and says what a person should know of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.rates import blocks_of, engine_blocks
from monitor.birds.clips import Recorded, prepare
from monitor.birds.expectation import expect
from monitor.birds.prototype import name_key, species_name
from monitor.core.text import counted
from monitor.core.types import ENGINE_RATE
from monitor.errors import AuricleError, UsageError, raise_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.birds.clips import PreparedClip
    from monitor.birds.expectation import Expectation, Judge
    from monitor.birds.gate import GateThresholds
    from monitor.birds.prototype import Prototype
    from monitor.birds.prototypes import Existing, PrototypeStore
    from monitor.birds.sound_embedder import AnyEmbedder
    from monitor.inference.bundle import Bundle

_PART_NUMBER = re.compile(r"[\s_.(-]+\d{1,3}s?\)?$")
"""What is put behind a recording's name when it is cut into clips."""

_IDENTIFIED = re.compile(r"\d{4}")
"""A catalogue number or a date: what is left of a name then stands for one recording."""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """A species that was learnt."""

    prototype: Prototype
    """As it is stored now, clips that were there before included."""
    clips: tuple[PreparedClip, ...]
    """Those that were given, with their own warnings."""
    expectation: Expectation
    warnings: tuple[str, ...]
    """Of the species as a whole, each one sentence."""


def enroll(
    store: PrototypeStore,
    name: str,
    clips: Sequence[PreparedClip],
    embedder: AnyEmbedder,
    judge: Judge,
    enrolled_utc_ns: int,
    threshold: float | None = None,
    existing: Existing = "refuse",
) -> Enrollment:
    """Store a species and say what to expect of it; nothing is stored when anything is wrong.

    `threshold` is a probability, 0..1; None: the encoder's. Raises UsageError, or StartError for several faults, as
    `refuse_faults` does; StoreError when the store cannot be written.
    """
    refuse_faults(store, name, clips, embedder.model_id, threshold, existing)
    enrolled = [clip.clip for clip in clips]
    prototype = store.add(name, embedder.model_id, enrolled, enrolled_utc_ns, threshold, existing)
    others = store.for_encoder(embedder.model_id).prototypes
    expectation = expect(prototype, others, judge)
    return Enrollment(prototype, tuple(clips), expectation, enrollment_warnings(prototype, expectation))


def refuse_faults(
    store: PrototypeStore,
    name: str,
    clips: Sequence[PreparedClip],
    model_id: str,
    threshold: float | None,
    existing: Existing,
    errors: Sequence[AuricleError] = (),
) -> None:
    """Raise everything that is wrong, `errors` that were found before included."""
    found = [*errors, *_name_faults(store, name, model_id, existing)]
    if threshold is not None and not 0.0 <= threshold <= 1.0:
        found.append(UsageError(f"threshold {threshold:g}", "is no probability", "Give a number from 0 to 1"))
    if not clips and not errors:
        found.append(UsageError(f"species {name}", "no clip was given", "Give one or more recordings of its calls"))
    known = _known(store, name) if existing == "add" else None
    seen = {clip.sha256: f"{clip.origin}, which is enrolled already," for clip in known.clips} if known else {}
    for clip in clips:
        reference = clip.clip.reference
        if reference.sha256 in seen:
            why = f"it is the same audio as {seen[reference.sha256]} and would count twice"
            found.append(UsageError(f"clip {reference.origin}", why, "Leave it out, or give another recording"))
        seen.setdefault(reference.sha256, reference.origin)
    raise_all(found)


def update(
    store: PrototypeStore, prototype: Prototype, gate: Bundle, embedder: AnyEmbedder, thresholds: GateThresholds | None
) -> Prototype:
    """Embed a species' kept audio with the present encoder; it keeps its name, its threshold and its date.

    Raises UsageError when it changed meanwhile, or the encoder can make nothing of a clip; StoreError when kept audio
    is gone or damaged.
    """
    clips: list[PreparedClip] = []
    errors: list[AuricleError] = []
    for reference in prototype.clips:
        try:
            kept = store.audio(reference)
            if reference.rate != ENGINE_RATE:
                blocks = list(engine_blocks(blocks_of(kept, reference.rate), reference.rate))
                kept = np.concatenate([block.samples for block in blocks])
            recorded = Recorded(kept, reference.origin, clipped=False)
            clips.append(prepare(recorded, gate, embedder, thresholds, bird_known=True))
        except AuricleError as error:
            errors.append(error)
    raise_all(errors)
    store.reload()
    if store.get(prototype.name).clips != prototype.clips:
        why = "was changed by another program meanwhile"
        raise UsageError(f"species {prototype.name}", why, "Run the update again")
    enrolled = [clip.clip for clip in clips]
    return store.add(
        prototype.name, embedder.model_id, enrolled, prototype.enrolled_utc_ns, prototype.threshold, "replace"
    )


def enrollment_warnings(prototype: Prototype, expectation: Expectation) -> tuple[str, ...]:
    """Clips that disagree, species that are too close, and clips of one voice only, each one sentence."""
    told: list[str] = []
    odd = [clip for clip in expectation.clips if clip.unrelated or clip.rival]
    if odd and len(prototype.clips) == 2:
        first, second = (clip.origin for clip in prototype.clips)
        told.append(f"{first} and {second} do not sound alike: two song types, or not both are {prototype.name}")
    elif len(odd) == len(prototype.clips):
        told.append(f"no clip sounds like the others: several song types, or not all are {prototype.name}")
    else:
        for clip in odd:
            like = f"; it is nearer to {clip.rival}" if clip.rival else ""
            told.append(f"{clip.origin} does not sound like the other clips{like}")
    for name, probability in expectation.confusable:
        told.append(f"too close to tell from {name} ({probability:.0%} the same): tags of the two will be mixed up")
    return (*told, *_sameness(prototype, expectation))


def _sameness(prototype: Prototype, expectation: Expectation) -> tuple[str, ...]:
    """Whether all that was learnt comes from one individual or one song type."""
    advice = "other individuals and song types may be missed"
    if len(prototype.clips) == 1:
        return (f"learnt from one clip: {advice}; give clips of others with --add",)
    stems = {_recording(clip.origin) for clip in prototype.clips}
    if len(stems) == 1 and None not in stems:
        return (f"all clips seem to be cut from one recording ({stems.pop()}), so from one individual: {advice}",)
    if expectation.one_voice:
        return (f"the clips are as alike as few of one species are: one individual or one song type; {advice}",)
    return ()


def _recording(origin: str) -> str | None:
    """The name of the recording that a clip was cut from, as far as its own name tells."""
    path = PurePath(origin)
    stem = _PART_NUMBER.sub("", path.stem)
    return str(path.with_name(stem)) if stem != path.stem and _IDENTIFIED.search(stem) else None


def _known(store: PrototypeStore, name: str) -> Prototype | None:
    """What is enrolled under a name, if anything that can be read is."""
    key = name_key(name)
    return next((prototype for prototype in store.list() if name_key(prototype.name) == key), None)


def _name_faults(store: PrototypeStore, name: str, model_id: str, existing: Existing) -> list[AuricleError]:
    try:
        name = species_name(name)
        known = _known(store, name)
        if known is None:
            if existing != "replace":
                store_fault(store, name)
            return []
    except AuricleError as error:
        return [error]
    what = f"species {known.name}"
    if existing == "refuse":
        remedy = "Use --add to learn these clips too, or --replace to forget the old ones"
        return [UsageError(what, f"is enrolled already, from {counted(len(known.clips), 'clip')}", remedy)]
    if existing == "add" and known.model_id != model_id:
        remedy = f'Run `auricle species update "{known.name}"` first: it embeds the kept audio again'
        return [UsageError(what, f"was learnt with {known.model_id}, but {model_id} is in use", remedy)]
    return []


def store_fault(store: PrototypeStore, name: str) -> None:
    """Raises StoreError when the file of a species is there but damaged."""
    try:
        store.get(name)
    except UsageError:
        return
