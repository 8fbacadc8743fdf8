"""Where a manifest contradicts itself or the features that this program computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.features.ams_spec import AmsSpec
from monitor.features.spec import FeatureSpec
from monitor.inference.faults import Fault, shape_text
from monitor.inference.manifest import BIRDS_KEY, CLASSIFIERS, MANIFEST_FILE, FeatureInput, ModulationInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.inference.manifest import Manifest

_RESERVED = ("audio", "features", "file", "allow_pickle")
"""Names that mean something else in golden.npz, or to the function that writes it."""


def feature_spec(manifest: Manifest) -> tuple[FeatureSpec | None, list[Fault]]:
    """The spec of the front-end that the model needs, if it needs one and it is sound."""
    if not isinstance(manifest.input, FeatureInput):
        return None, []
    try:
        spec = FeatureSpec.from_dict(manifest.input.spec)
    except ValueError as error:
        return None, [Fault(f"{MANIFEST_FILE}: input.spec", str(error))]
    return spec, _fingerprint_faults(manifest.input.fingerprint, spec.fingerprint)


def modulation_spec(manifest: Manifest) -> tuple[AmsSpec | None, list[Fault]]:
    """The spec of the amplitude-modulation features that the model needs, if it needs any and it is sound."""
    if not isinstance(manifest.input, ModulationInput):
        return None, []
    try:
        spec = AmsSpec.from_dict(manifest.input.spec)
    except ValueError as error:
        return None, [Fault(f"{MANIFEST_FILE}: input.spec", str(error))]
    return spec, _fingerprint_faults(manifest.input.fingerprint, spec.fingerprint)


def _fingerprint_faults(declared: str, computed: str) -> list[Fault]:
    if declared == computed:
        return []
    why = f"{declared} is not that of the spec, {computed}: this Auricle computes other features"
    return [Fault(f"{MANIFEST_FILE}: input.fingerprint", why)]


def declaration_faults(manifest: Manifest, spec: FeatureSpec | AmsSpec | None) -> Iterator[Fault]:
    """Where the manifest contradicts itself."""
    if len(manifest.inputs) != 1:
        yield Fault(f"{MANIFEST_FILE}: inputs", f"exactly one is fed, got {len(manifest.inputs)}")
    wanted: tuple[int | None, ...] | None = (None, manifest.window.frames)
    if isinstance(manifest.input, FeatureInput | ModulationInput):
        wanted = (*wanted, spec.bands) if spec else None
    if wanted and manifest.inputs[0].shape != wanted:
        why = f"{shape_text(manifest.inputs[0].shape)} does not fit the windows, {shape_text(wanted)}"
        yield Fault(f"{MANIFEST_FILE}: inputs.0.shape", why)
    for output in manifest.outputs:
        if output.name in _RESERVED:
            yield Fault(f"{MANIFEST_FILE}: outputs", f"`{output.name}` is no name for an output")
    yield from _label_faults(manifest)
    if manifest.task == "gate":
        yield from _threshold_faults(manifest)
    if manifest.task == "encoder" or manifest.embedding:
        yield from _encoder_faults(manifest)
    if manifest.input.kind != "waveform" and manifest.runtime != "onnx":
        # The fingerprint of the features stands in the metadata, which TFLite files do not have.
        yield Fault(f"{MANIFEST_FILE}: runtime", "a model that takes features runs on onnx, not on litert")


def _threshold_faults(manifest: Manifest) -> Iterator[Fault]:
    values = {name: threshold.value for name, threshold in manifest.thresholds.items()}
    if not 0.0 <= values["off"] <= values["on"] <= 1.0:
        why = f"a gate needs 0 <= off <= on <= 1, got off {values['off']:g}, on {values['on']:g}"
        yield Fault(f"{MANIFEST_FILE}: thresholds", why)
    release = values.get("release", 1.0)
    if release < 1 or release != int(release):
        yield Fault(f"{MANIFEST_FILE}: thresholds.release", f"counts windows, 1 or more, got {release:g}")


def _encoder_faults(manifest: Manifest) -> Iterator[Fault]:
    first = manifest.embedding
    if first is None:
        yield Fault(f"{MANIFEST_FILE}: outputs", "an encoder needs one with the role `embedding`")
    elif len(first.shape) != 2 or first.shape[1] is None:
        why = f"an encoder gives (batch, d) with d fixed, not {shape_text(first.shape)}"
        yield Fault(f"{MANIFEST_FILE}: outputs.{manifest.outputs.index(first)}.shape", why)
    known = manifest.thresholds.get("known")
    if known and not 0.0 <= known.value <= 1.0:
        yield Fault(f"{MANIFEST_FILE}: thresholds.known", f"is a probability, 0..1, got {known.value:g}")


def _label_faults(manifest: Manifest) -> Iterator[Fault]:
    where = f"{MANIFEST_FILE}: labels"
    scores = manifest.scores
    if manifest.task == "gate":
        yield from _gate_faults(manifest)
    if manifest.task in CLASSIFIERS and scores is None:
        yield Fault(f"{MANIFEST_FILE}: outputs", "a classifier needs one with the role `logits` or `probabilities`")
    count = _label_count(manifest)
    if scores and (manifest.task != "gate" or count) and count != scores.shape[-1]:
        yield Fault(where, f"{count} do not fit output `{scores.name}`, {shape_text(scores.shape)}")


def _gate_faults(manifest: Manifest) -> Iterator[Fault]:
    """A gate gives one value, or scores of labels with a list of those that are birds."""
    scores, first, count = manifest.scores, manifest.outputs[0], _label_count(manifest)
    if scores and count:
        if BIRDS_KEY not in (manifest.files or {}):
            yield Fault(f"{MANIFEST_FILE}: files", f"a gate with labels needs `{BIRDS_KEY}`: those that are birds")
        return
    if (scores or first).shape not in ((None,), (None, 1)):
        shape = shape_text((scores or first).shape)
        yield Fault(f"{MANIFEST_FILE}: outputs.0.shape", f"a gate gives (batch), not {shape}")
    if count > 1:
        yield Fault(f"{MANIFEST_FILE}: labels", f"a gate has one at most, got {count}")


def _label_count(manifest: Manifest) -> int:
    return manifest.labels_file.count if manifest.labels_file else len(manifest.labels)
