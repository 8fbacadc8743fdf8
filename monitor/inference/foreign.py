"""Any ONNX or TFLite file as a bundle: its inputs and outputs are probed, and what does not fit is told at once."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import ValidationError

from monitor.errors import BundleError
from monitor.features.spec import BIRD, MACHINE, SCENE, SPECIES, FeatureSpec
from monitor.inference.bundle_writer import REMEDY, bundle_folder, finish_bundle, golden_sound
from monitor.inference.faults import Fault, bundle_error, shape_text
from monitor.inference.golden import windows_of
from monitor.inference.label_file import write_labels
from monitor.inference.manifest import (
    BIRDS_KEY,
    FINGERPRINT_KEY,
    LABELS_FILE,
    MODEL_FILE,
    TFLITE_FILE,
    DataSource,
    ExtraFile,
    FeatureInput,
    LabelsFile,
    Manifest,
    ModelFile,
    Role,
    Tensor,
    Threshold,
    Training,
    WaveformInput,
)
from monitor.inference.manifest_file import sha256_of
from monitor.inference.session import InferenceError, Runtime, Session
from monitor.inference.tflite_graph import with_embedding

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.core.types import Float32Array
    from monitor.inference.session import TensorInfo

ForeignTask = Literal["encoder", "species", "gate"]

VERSION = "1.0.0"

ON, OFF = 0.5, 0.3
"""Thresholds of a gate that brings none."""

ACCEPTED = "(samples), (1, samples) or (batch, samples), float32"
"""Inputs that are fed with sound."""

BIRDS_FILE = "birds.txt"
"""Of a gate: which of its labels are birds."""

_SPECS: tuple[FeatureSpec, ...] = (BIRD, MACHINE, SCENE, SPECIES)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A model file, and what its owner says of it."""

    file: Path
    task: ForeignTask
    name: str
    """Of the bundle: lower-case words joined by hyphens."""
    rate: int
    """Samples a second that it takes."""
    window: int
    """Samples of a window; frames, where it takes features."""
    labels: tuple[str, ...] = ()
    licence: str = "not stated"
    embedding: str | None = None
    """Name of the output that is the embedding; None: it is found."""
    binomials: Literal["bird", "animal"] = "animal"
    """What a scientific name among the labels stands for."""
    birds: tuple[str, ...] = ()
    """Of a gate with labels: those that are birds."""

    @property
    def runtime(self) -> Runtime:
        """By the file's ending."""
        return "litert" if self.file.suffix.lower() == ".tflite" else "onnx"


def import_foreign(model: Foreign, root: Path, *, replace_old: bool = False) -> Path:
    """Make a bundle of a model file below `root`; its folder.

    Raises BundleError with everything that does not fit, StoreError when it cannot be written. Then nothing is left.
    """
    with bundle_folder(root, model.name, VERSION, replace=replace_old) as folder:
        if not model.file.is_file():
            raise BundleError(f"model {model.file}", "no such file", "Check the path")
        # Where the user has it, so that what is wrong with it is told of that path.
        session = Session(model.file, runtime=model.runtime)
        target = folder / (TFLITE_FILE if model.runtime == "litert" else MODEL_FILE)
        shutil.copyfile(model.file, target)
        if _wants_inner_embedding(model, session):
            target.write_bytes(with_embedding(target))
            session = Session(target, runtime=model.runtime)
        manifest, spec = _described(model, target, session)
        if model.labels:
            file = write_labels(folder / LABELS_FILE, model.labels)
            listed = LabelsFile(sha256=sha256_of(file), count=len(model.labels))
            manifest = manifest.model_copy(update={"labels_file": listed, "binomials": model.binomials})
        if model.birds:
            birds = write_labels(folder / BIRDS_FILE, model.birds)
            extra = ExtraFile(file=birds.name, sha256=sha256_of(birds), meaning="labels that are birds, one a line")
            manifest = manifest.model_copy(update={"files": {BIRDS_KEY: extra}})
        finish_bundle(folder, manifest, spec, _card(model))
    return root / model.name / VERSION


def _wants_inner_embedding(model: Foreign, session: Session) -> bool:
    """Whether an encoder is wanted of a classifier that gives nothing but scores of its labels."""
    gives = [info.shape[-1:] for info in session.outputs]
    only_scores = len(gives) == 1 and bool(model.labels) and gives[0] == (len(model.labels),)
    return model.task == "encoder" and model.runtime == "litert" and model.embedding is None and only_scores


def _described(model: Foreign, file: Path, session: Session) -> tuple[Manifest, FeatureSpec | None]:
    """The manifest, or BundleError with everything that does not fit."""
    faults, spec = _input_faults(model, session)
    if faults:
        raise bundle_error(model.file, faults, "Export the model so, or give its own --rate and --window")
    outputs = _tried(model, session, spec)
    roles, faults = _roles(model, session, outputs)
    if faults:
        option = next((fault.where for fault in faults if fault.where.startswith("--")), None)
        raise bundle_error(model.file, faults, f"Nothing was installed; correct {option}" if option else REMEDY)
    # A gate decides where a call begins and ends; an encoder is run where it says.
    hop = max(1, min(model.window // 2, model.rate)) if model.task == "gate" else min(model.window, model.rate)
    cut = WaveformInput(rate=model.rate, window=model.window, hop=hop)
    features = None
    if spec:
        per_second = -(-spec.rate // spec.hop)
        features = FeatureInput(
            fingerprint=spec.fingerprint,
            spec=dict(spec.to_dict()),
            window=model.window,
            hop=max(1, min(model.window // 2, per_second)),
        )
    (entry,) = session.inputs
    sound = f"sound at {model.rate} Hz, full scale 1" if spec is None else f"frames of the front-end `{spec.name}`"
    thresholds = {"on": ON, "off": OFF} if model.task == "gate" else {}
    thresholds_of = {key: Threshold(value=value, chosen_on="nothing: a guess") for key, value in thresholds.items()}
    try:
        inputs = (_tensor(entry, sound, ("sample",) if spec is None else ("frame", "band"), None),)
        gives = tuple(_tensor(info, "as its authors say", (), roles.get(info.name)) for info in session.outputs)
    except ValidationError as error:
        why = f"has inputs or outputs that no bundle can have: {error.errors(include_url=False)[0]['msg']}"
        raise BundleError(f"model {model.file}", why, "Export it with a batch axis and sizes of 1 or more") from error
    manifest = Manifest(
        name=model.name,
        version=VERSION,
        summary=f"Imported from {model.file.name}.",
        task=model.task,
        runtime=model.runtime,
        model=ModelFile(file=file.name, sha256=sha256_of(file)),
        input=features or cut,
        inputs=inputs,
        outputs=gives,
        thresholds=thresholds_of,
        training=Training(recipe=str(model.file.name), recipe_sha256=sha256_of(model.file)),
        data=(DataSource(name="not stated", used_for="training, by its authors", licence="not stated"),),
        licence=model.licence,
    )
    return manifest, spec


def _input_faults(model: Foreign, session: Session) -> tuple[list[Fault], FeatureSpec | None]:
    """What does not fit, and the front-end where the model takes features of ours."""
    told = ", ".join(f"`{info.name}` {_text(info)}" for info in session.inputs)
    if len(session.inputs) != 1:
        return [Fault("inputs", f"found are {told}; accepted is one of {ACCEPTED}")], None
    (entry,) = session.inputs
    fingerprint = session.metadata.get(FINGERPRINT_KEY)
    spec = next((known for known in _SPECS if known.fingerprint == fingerprint), None)
    wanted: tuple[int | None, ...] = (None, model.window) if spec is None else (None, model.window, spec.bands)
    if not entry.is_float32 or len(entry.shape) != len(wanted):
        accepted = ACCEPTED if spec is None else f"{shape_text(wanted)}, float32"
        return [Fault("inputs", f"found is {told}; accepted is {accepted}")], spec
    if any(found not in (None, size) for found, size in zip(entry.shape, wanted, strict=True)):
        takes = entry.shape[1] or 0
        why = f"found is {told}"
        if spec is None:
            why += f", windows of {takes} samples ({takes / model.rate:g} s at {model.rate} Hz); --window says"
            why += f" {model.window} ({model.window / model.rate:g} s)"
        else:
            why += f"; accepted is {shape_text(wanted)}"
        return [Fault("inputs", why)], spec
    if spec and spec.rate != model.rate:
        return [Fault("--rate", f"is {model.rate}, its features are at {spec.rate} Hz")], spec
    return [], spec


def _tried(model: Foreign, session: Session, spec: FeatureSpec | None) -> dict[str, Float32Array]:
    """What the network makes of two windows of plain sound. Raises BundleError when it fails."""
    from monitor.features.frontend import Kernel

    needed = 2 * model.window if spec is None else spec.samples_in(2 * model.window)
    rows = golden_sound(model.rate, needed).astype(np.float32) / np.float32(32_768)
    if spec:
        rows = Kernel(spec)(rows)
    try:
        return session.run({session.inputs[0].name: windows_of(rows, model.window, model.window)})
    except InferenceError as failure:
        raise BundleError(f"model {model.file}", f"fails on plain sound: {failure}", REMEDY) from failure


def _roles(model: Foreign, session: Session, outputs: dict[str, Float32Array]) -> tuple[dict[str, Role], list[Fault]]:
    """What each output is for, by its name."""
    told = ", ".join(f"`{info.name}` {shape_text(info.shape)}" for info in session.outputs)
    flat = {name: values for name, values in outputs.items() if values.ndim == 2}
    roles: dict[str, Role] = {}
    if model.task == "gate" and not model.labels:
        return _role_of_gate(outputs, told)
    scores = next(
        (name for name, values in flat.items() if model.labels and values.shape[1] == len(model.labels)), None
    )
    if model.task == "species" and not model.labels:
        return {}, [Fault("--labels", "is missing: a file with one label a line, in the order of the output")]
    if model.task in ("species", "gate") and scores is None:
        why = f"{len(model.labels)} labels were given; found are the outputs {told}"
        return {}, [Fault("--labels", why)]
    if scores:
        roles[scores] = _kind_of(flat[scores])
    rest = [name for name in flat if name != scores]
    likely = [name for name in rest if "embed" in name.lower()]
    chosen = model.embedding or next(iter(likely if likely or model.task != "encoder" else rest), None)
    if chosen is not None and chosen not in flat:
        return {}, [Fault("--embedding", f"there is no output `{chosen}` of one vector a window; found are {told}")]
    if chosen is None and model.task == "encoder":
        return {}, [Fault("outputs", f"found are {told}; an encoder gives (batch, d)")]
    if chosen:
        roles[chosen] = "embedding"
    return roles, []


def _role_of_gate(outputs: dict[str, Float32Array], told: str) -> tuple[dict[str, Role], list[Fault]]:
    """Of a gate without labels: one value a window."""
    good = len(outputs) == 1 and all(values.size == len(values) for values in outputs.values())
    if not good:
        why = f"found are {told}; a gate gives one, (batch), or scores of labels, which --labels names"
        return {}, [Fault("outputs", why)]
    return {name: _kind_of(values) for name, values in outputs.items()}, []


def _kind_of(scores: Float32Array) -> Role:
    return "probabilities" if bool(((scores >= 0.0) & (scores <= 1.0)).all()) else "logits"


def _tensor(info: TensorInfo, meaning: str, axes: tuple[str, ...], role: Role | None) -> Tensor:
    named = ("batch", *(axes or tuple(f"axis {number}" for number in range(1, len(info.shape)))))
    return Tensor(name=info.name, axes=named, shape=info.shape, meaning=meaning, role=role)


def _text(info: TensorInfo) -> str:
    return f"{shape_text(info.shape)} {'float32' if info.is_float32 else info.kind}"


def _card(model: Foreign) -> str:
    return f"# {model.name}\n\nImported from `{model.file.name}`. Licence of the weights: {model.licence}.\n"
