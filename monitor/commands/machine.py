"""`machine`: learn how a machine sounds while it is well, score recordings of it, and look after what was learnt."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from typing import TYPE_CHECKING, Literal

import numpy as np

from monitor import paths
from monitor.commands import console, kept, machine_report
from monitor.commands.given import distinct, tracked
from monitor.commands.machine_models import encoder_to_learn_with, load_machine_encoder, present_machine_encoder
from monitor.core.text import counted
from monitor.errors import AuricleError, BundleError, StoreError, UsageError, raise_all
from monitor.inference.session import InferenceError
from monitor.machines.enroll import fit_profile, refuse_faults
from monitor.machines.options import Options
from monitor.machines.profile_folder import MachineFolder
from monitor.machines.relearning import learn_again
from monitor.machines.sounds import read_sound
from monitor.machines.window import clip_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from monitor.machines.detectors import DetectorKind
    from monitor.machines.encoder import MachineEncoder
    from monitor.machines.profile import ClipScore, MachineProfile
    from monitor.machines.sounds import Sound
    from monitor.settings import Settings

Existing = Literal["refuse", "replace", "add"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to enroll."""

    options: Options
    existing: Existing = "refuse"
    encoder: str | None = None
    """Name of a bundle, or `none`; None: that of the settings, else as the machine was learnt before."""


def existing_of(replace: bool, add: bool) -> Existing:
    """What the flags say. Raises UsageError for both."""
    if replace and add:
        raise UsageError("--replace and --add", "exclude each other", "Give one: forget the old clips, or keep them")
    return "replace" if replace else "add" if add else "refuse"


def options_of(
    detectors: Sequence[DetectorKind], false_alarms_a_week: float | None, existing: Existing, name: str
) -> Options:
    """What the flags say; what they leave open is as before where a machine is added to, else the default."""
    known = MachineFolder(paths.machines_folder()).get(name).options if existing == "add" else Options()
    options = replace_fields(known, detectors=tuple(detectors)) if detectors else known
    return options if false_alarms_a_week is None else replace_fields(options, false_alarms_a_week=false_alarms_a_week)


def enroll(
    name: str, given_source: Sequence[str], given_target: Sequence[str], wanted: Wanted, settings: Settings
) -> int:
    """Learn a machine from clips and print what was learnt; returns the exit code."""
    folder = MachineFolder(paths.machines_folder())
    before = folder.get(name).encoder_id if wanted.existing == "add" else None
    encoder = encoder_to_learn_with(settings, wanted.encoder, before)
    source, errors = _heard(given_source, "listening to the source clips")
    target, more = _heard(given_target, "listening to the target clips")
    errors += more
    if wanted.existing == "refuse":
        errors += _name_faults(folder, name)
    if wanted.existing == "add":
        old = folder.get(name)
        # What is wrong with the new clips is told before the old ones are read.
        raise_all(errors)
        with _learning() as progress:
            profile = learn_again(
                folder, old.name, encoder, time.time_ns(), source, target, wanted.options, progress=progress
            )
    else:
        refuse_faults(name, source, target, wanted.options, errors)
        with _learning() as progress:
            profile = fit_profile(name, source, target, encoder, wanted.options, time.time_ns(), progress)
        folder.save(profile, [*source, *target], replace=wanted.existing == "replace")
    machine_report.print_enrollment(profile, [*source, *target])
    return 0


def list_machines(settings: Settings, *, as_json: bool) -> int:
    """Print a table of what is enrolled; 1 when a file is damaged."""
    folder = MachineFolder(paths.machines_folder())
    present = present_machine_encoder(settings)
    rows = [machine_report.row_of(profile, present) for profile in folder.list()]
    nothing = f"no machine in {paths.machines_folder()}"
    return kept.print_rows(folder, rows, machine_report.print_list, nothing, as_json=as_json)


def show(name: str, settings: Settings, *, as_json: bool) -> int:
    """Print what was learnt of one machine."""
    folder = MachineFolder(paths.machines_folder())
    profile = folder.get(name)
    details = machine_report.details_of(profile, present_machine_encoder(settings), folder.path)
    if as_json:
        console.print_line(json.dumps(details, ensure_ascii=False))
    else:
        machine_report.print_machine(details)
    return 0


def remove(names: Sequence[str]) -> int:
    """Forget machines, all or none. Raises UsageError for each that is not there."""
    return kept.remove(MachineFolder(paths.machines_folder()), names)


def score(name: str, given: Sequence[str], settings: Settings, jsonl: str | None) -> int:
    """Score clips, one line each; 1 when one could not be read."""
    profile = MachineFolder(paths.machines_folder()).get(name)
    encoder = encoder_of(profile, settings)
    found, errors = distinct(given)
    raise_all(errors)
    failed = 0
    with _lines(jsonl) as write:
        for path in tracked(found, "listening to the clips"):
            try:
                sound = read_sound(path)
                told = scored(profile, encoder, sound)
            except AuricleError as error:
                failed += 1
                console.print_error(error)
                continue
            for warning in machine_report.score_warnings(profile, sound):
                console.messages.print(f"warning {sound.origin} {warning}", markup=False)
            write(machine_report.score_line(told, sound, profile, as_json=jsonl is not None))
    return 1 if failed else 0


def update(names: Sequence[str], encoder: str | None, settings: Settings) -> int:
    """Learn machines again from their kept audio: those named, or all of another encoder. 1 when one could not be."""
    folder = MachineFolder(paths.machines_folder())
    models: dict[bool, MachineEncoder | None] = {}
    chosen: list[tuple[MachineProfile, MachineEncoder | None]] = []
    for old in _named(folder, names) if names else folder.list():
        had = old.encoder_id is not None
        if had not in models:
            models[had] = encoder_to_learn_with(settings, encoder, old.encoder_id)
        model = models[had]
        if names or old.encoder_id != (model.id if model else None):
            chosen.append((old, model))
    failed = 0
    for old, model in tracked(chosen, "learning again"):
        try:
            fresh = learn_again(folder, old.name, model, time.time_ns())
        except AuricleError as error:
            failed += 1
            console.print_error(error)
        else:
            before, after = (one.encoder_id or "no encoder" for one in (old, fresh))
            console.print_line(f"{fresh.name}: {counted(len(fresh.clips), 'clip')}, {before} -> {after}")
    if not chosen:
        console.messages.print("nothing to do: all machines are of the encoder in use, or of none", markup=False)
    for fault in folder.faults if not names else ():
        failed += 1
        console.print_error(fault)
    return 1 if failed else 0


def export(file: Path, names: Sequence[str], *, replace: bool) -> int:
    """Write machines with their audio to one file."""
    return kept.export(MachineFolder(paths.machines_folder()), file, names, replace=replace)


def import_machines(file: Path, names: Sequence[str], settings: Settings, *, replace: bool) -> int:
    """Take over machines from an export, all or none."""
    folder = MachineFolder(paths.machines_folder())
    told = folder.import_from(file, names or None, replace=replace)
    console.print_line(f"imported {', '.join(told)}")
    present = present_machine_encoder(settings)
    others = [name for name in told if folder.get(name).encoder_id not in (None, present)]
    if others:
        why = f"{', '.join(others)}: learnt with another encoder than is in use"
        console.messages.print(f"{why}; `auricle machine update` learns the audio again", markup=False)
    return 0


def scored(profile: MachineProfile, encoder: MachineEncoder | None, sound: Sound) -> ClipScore:
    """What a profile says of a clip. Raises BundleError when the encoder fails on it."""
    windows = clip_windows(sound.samples)
    rows = None
    if encoder is not None:
        try:
            rows = np.concatenate([encoder.embed(window.values[None]) for window in windows])
        except InferenceError as error:
            raise BundleError(f"clip {sound.origin}", f"the encoder failed on it ({error})", "Leave it out") from error
    return profile.score_clip(windows, rows)


def encoder_of(profile: MachineProfile, settings: Settings) -> MachineEncoder | None:
    """The encoder that a machine needs. Raises StoreError when another one is in use."""
    if profile.encoder_id is None:
        return None
    encoder = load_machine_encoder(settings, None)
    if encoder is None or encoder.id != profile.encoder_id:
        used = f"{encoder.id} is in use" if encoder else "there is no encoder of machines"
        remedy = f'Learn its audio again: auricle machine update "{profile.name}"'
        raise StoreError(f"machine {profile.name}", f"was learnt with {profile.encoder_id}, but {used}", remedy)
    return encoder


def _heard(given: Sequence[str], doing: str) -> tuple[list[Sound], list[AuricleError]]:
    """The clips that can be learnt from, and what is wrong with the others."""
    found, errors = distinct(given)
    sounds: list[Sound] = []
    for path in tracked(found, doing):
        try:
            sounds.append(read_sound(path))
        except AuricleError as error:
            errors.append(error)
    return sounds, errors


def _name_faults(folder: MachineFolder, name: str) -> list[AuricleError]:
    try:
        if not folder.has(name):
            return []
        folder.get(name)
    except UsageError:
        return []  # no name at all: `refuse_faults` says so
    except StoreError as error:
        return [error]
    return [UsageError(f"machine {name}", "is there already", "Use --replace to forget it, --add to learn more of it")]


@contextmanager
def _learning() -> Generator[Callable[[int, int], None]]:
    """Progress of a fit, where a person can see it; what a network could not do becomes a message."""
    try:
        with machine_report.shown_learning() as progress:
            yield progress
    except InferenceError as error:
        raise BundleError("machine encoder", str(error), "Check it: auricle models verify") from error


@contextmanager
def _lines(jsonl: str | None) -> Generator[Callable[[str], None]]:
    """Where lines go. Raises StoreError when the file cannot be written."""
    if jsonl is None or jsonl == "-":
        yield console.print_line
        return
    try:
        file = open(jsonl, "w", encoding="utf-8")  # noqa: SIM115, PTH123 (closed below; `jsonl` is as the user typed it)
    except OSError as fault:
        raise StoreError(jsonl, f"cannot be written: {fault.strerror}", "Choose another place for --jsonl") from fault
    with file:

        def write(line: str) -> None:
            file.write(line + "\n")
            file.flush()

        yield write


def _named(folder: MachineFolder, names: Sequence[str]) -> list[MachineProfile]:
    """The machines of these names. Raises what is wrong with each."""
    chosen: dict[str, MachineProfile] = {}
    errors: list[AuricleError] = []
    for name in names:
        try:
            profile = folder.get(name)
        except AuricleError as error:
            errors.append(error)
        else:
            chosen[profile.name] = profile
    raise_all(errors)
    return list(chosen.values())
