"""`golden.npz`: sound that a bundle was tested on, and what our kernel and the network must make of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import numpy as np

from monitor.features.ams import ams_of
from monitor.features.ams_spec import AmsSpec
from monitor.features.frontend import Kernel
from monitor.inference.arrays import read_arrays
from monitor.inference.faults import Fault
from monitor.inference.manifest import GOLDEN_FILE
from monitor.inference.session import InferenceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.core.types import Float32Array
    from monitor.features.spec import FeatureSpec
    from monitor.inference.manifest import Manifest
    from monitor.inference.session import Session

FEATURE_TOLERANCE_DB = 0.01
OUTPUT_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """Arrays of the self-test."""

    audio: Float32Array
    """float32 `(n,)` at the model's rate; kept in the file as float32 or as int16 (full scale 32 768)."""
    features: Float32Array | None
    """float32 `(t, bands)`: the kernel on all of `audio`; None for a model that takes a waveform."""
    outputs: dict[str, Float32Array]
    """By output name, `(windows, ...)`: the network on every whole window, cut at the manifest's hop."""


def windows_of(values: Float32Array, length: int, hop: int) -> Float32Array:
    """Every whole window of rows or samples: `(n, ...)` -> `(windows, length, ...)`."""
    starts = range(0, len(values) - length + 1, hop)
    return np.stack([values[start : start + length] for start in starts]).astype(np.float32)


def write_golden(
    path: Path,
    audio: Float32Array | NDArray[np.int16],
    features: Float32Array | None,
    outputs: Mapping[str, Float32Array],
) -> Path:
    """Write `golden.npz`, compressed; its path. Audio that came from 16-bit files is smallest as int16."""
    arrays: dict[str, NDArray[np.generic]] = {"audio": audio, **outputs}
    if features is not None:
        arrays["features"] = features
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # pyright: ignore[reportArgumentType] no array has a parameter's name
    return path


def read_golden(path: Path, manifest: Manifest | None) -> tuple[Golden | None, list[Fault]]:
    """The arrays, or None and everything wrong with them; without a manifest only the file itself is checked."""
    arrays, faults = read_arrays(path)
    if arrays is None:
        return None, faults
    if manifest is None:
        return None, []
    return _checked(arrays, manifest)


def self_test(golden: Golden, manifest: Manifest, spec: FeatureSpec | AmsSpec | None, session: Session) -> list[Fault]:
    """Run the kernel and the network, and compare."""
    faults: list[Fault] = []
    rows = golden.audio
    if spec is not None and golden.features is not None:
        rows = golden.features
        computed = ams_of(golden.audio, spec) if isinstance(spec, AmsSpec) else Kernel(spec)(golden.audio)
        faults += _compare_features(computed, golden.features, decibels=_in_decibels(spec))
    cut = manifest.window
    try:
        outputs = session.run({manifest.inputs[0].name: windows_of(rows, cut.frames, cut.hop)})
    except InferenceError as failure:
        return [*faults, Fault(manifest.model.file, f"self-test: the network fails: {failure}")]
    for name, expected in golden.outputs.items():
        faults += _compare_output(name, outputs[name], expected)
    return faults


def _checked(arrays: dict[str, NDArray[np.generic]], manifest: Manifest) -> tuple[Golden | None, list[Fault]]:
    takes_features = manifest.input.kind != "waveform"
    ranks = {"audio": 1} | ({"features": 2} if takes_features else {})
    ranks |= {output.name: len(output.shape) for output in manifest.outputs}
    faults = [Fault(GOLDEN_FILE, f"array `{name}` is missing") for name in ranks if name not in arrays]
    faults += [Fault(GOLDEN_FILE, f"unknown array `{name}`") for name in arrays if name not in ranks]
    good: dict[str, Float32Array] = {}
    for name in ranks.keys() & arrays.keys():
        array = arrays[name]
        if name == "audio" and array.dtype == np.int16:
            array = array.astype(np.float32) / np.float32(32_768)
        if array.dtype != np.float32 or array.ndim != ranks[name] or not np.isfinite(array).all():
            wanted = f"finite float32 of {ranks[name]} dimension(s)"
            faults.append(Fault(GOLDEN_FILE, f"array `{name}` must be {wanted}, got {array.dtype} {array.shape}"))
        else:
            good[name] = array.astype(np.float32, copy=False)
    if faults:
        return None, sorted(faults, key=str)
    rows = good["features"] if takes_features else good["audio"]
    if len(rows) < manifest.window.frames:
        return None, [Fault(GOLDEN_FILE, f"{len(rows)} rows are less than a window of {manifest.window.frames}")]
    outputs = {output.name: good[output.name] for output in manifest.outputs}
    return Golden(good["audio"], good.get("features"), outputs), []


def _in_decibels(spec: FeatureSpec | AmsSpec) -> bool:
    return isinstance(spec, AmsSpec) or spec.compression == "db"


def _compare_features(computed: Float32Array, expected: Float32Array, *, decibels: bool) -> list[Fault]:
    if computed.shape != expected.shape:
        return [Fault(GOLDEN_FILE, f"self-test: features are {computed.shape}, expected {expected.shape}")]
    off_db = float(np.abs(computed - expected).max())
    if not decibels:
        off_db *= 10 / log(10)
    if off_db <= FEATURE_TOLERANCE_DB:
        return []
    why = f"self-test: features are off by {off_db:.3g} dB (at most {FEATURE_TOLERANCE_DB:g} dB)"
    return [Fault(GOLDEN_FILE, why)]


def _compare_output(name: str, computed: Float32Array, expected: Float32Array) -> list[Fault]:
    if computed.shape != expected.shape:
        return [Fault(GOLDEN_FILE, f"self-test: `{name}` is {computed.shape}, expected {expected.shape}")]
    off = float(np.abs(computed - expected).max())
    # Written so that a NaN fails too.
    if off <= OUTPUT_TOLERANCE:
        return []
    return [Fault(GOLDEN_FILE, f"self-test: `{name}` is off by {off:.3g} (at most {OUTPUT_TOLERANCE:g})")]
