"""From a trained network to a bundle that the monitor loads: ONNX, manifest, self-test, index."""

from __future__ import annotations

import json
import logging
import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch

from monitor.errors import BundleError
from monitor.features.frontend import Kernel
from monitor.inference.bundle import bundle_folders, read_manifest
from monitor.inference.golden import windows_of, write_golden
from monitor.inference.manifest import GOLDEN_FILE, MODEL_FILE
from monitor.inference.manifest_file import sha256_of, write_manifest
from monitor.inference.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from monitor.features.spec import FeatureSpec
    from monitor.inference.manifest import Manifest

OPSET = 18
PARITY = 1e-4
"""Largest difference between torch and onnxruntime on any output."""

SOFTWARE = ("torch", "lightning", "numpy", "onnx", "onnxruntime", "soxr", "soundfile", "scikit-learn")


def write_onnx(
    network: nn.Module, frames: int, bands: int, path: Path, metadata: dict[str, str], output: str = "probability"
) -> None:
    """`features` float32 (batch, frames, bands) -> `output` float32 (batch, ...), free batch, one file."""
    exported = network.eval().to(memory_format=torch.contiguous_format)
    example = torch.zeros(2, frames, bands)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # What torch's exporter says of its own deprecations is nothing that the caller could change.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            exported,
            (example,),
            str(path),
            input_names=["features"],
            output_names=[output],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, metadata)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def check_parity(
    network: nn.Module,
    path: Path,
    windows: NDArray[np.float32],
    output: str = "probability",
    allowed: float = PARITY,
) -> float:
    """Largest difference between torch and onnxruntime in any output, for batches of 1, 2 and all.

    Raises BundleError when it is above what is allowed.
    """
    session = Session(path)
    with torch.inference_mode():
        expected = network.eval()(torch.from_numpy(windows)).numpy()
    worst = 0.0
    for size in (1, 2, len(windows)):
        outputs = session.run({"features": np.ascontiguousarray(windows[:size])})[output]
        worst = max(worst, float(np.abs(outputs - expected[:size]).max()))
    if not worst <= allowed:
        why = f"onnxruntime differs from torch by {worst:.2g}, more than {allowed:g}"
        raise BundleError(str(path), why, "Change the network or the exporter; the bundle was not written.")
    return worst


def golden_sound(rate: int, seconds: float = 2.5) -> NDArray[np.int16]:
    """Sound made by arithmetic: hiss, then three sweeps with harmonics such as a bird's, then a falling hum."""
    generator = np.random.Generator(np.random.PCG64(1))
    time = np.arange(int(seconds * rate)) / rate
    sound = 0.002 * generator.standard_normal(len(time))
    for start in (0.9, 1.15, 1.4):
        inside = (time >= start) & (time < start + 0.15)
        local = time[inside] - start
        phase = 2 * np.pi * (3_200 * local + 0.5 * 9_000 * local**2)
        sound[inside] += np.sin(np.pi * local / 0.15) ** 2 * (0.3 * np.sin(phase) + 0.05 * np.sin(2 * phase))
    late = time >= 1.8
    sound[late] += 0.2 * np.sin(2 * np.pi * (300 * (time[late] - 1.8) - 50 * (time[late] - 1.8) ** 2))
    return np.round(np.clip(sound, -1, 1) * 32_767).astype(np.int16)


def write_bundle(
    folder: Path, onnx_file: Path, manifest: Manifest, card: str, spec: FeatureSpec, seconds: float = 2.5
) -> Path:
    """The bundle in `folder`; `manifest` names the sha256 of `onnx_file`, `seconds` is the least of the self-test."""
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / MODEL_FILE
    model.write_bytes(onnx_file.read_bytes())
    sound = golden_sound(spec.rate, max(seconds, spec.samples_in(manifest.window.frames) / spec.rate))
    features = Kernel(spec)(sound.astype(np.float32) / np.float32(32_768))
    cut = manifest.window
    session = Session(model, dequantise=manifest.dequantise)
    outputs = session.run({manifest.inputs[0].name: windows_of(features, cut.frames, cut.hop)})
    write_golden(folder / GOLDEN_FILE, sound, features, outputs)
    (folder / "CARD.md").write_text(card, encoding="utf-8")
    write_manifest(manifest, folder)
    return folder


def recipe_name(path: Path) -> str:
    """The recipe's path inside the repository, or its bare name when it lies elsewhere."""
    parts = path.resolve().parts
    return "/".join(parts[parts.index("configs") :]) if "configs" in parts else path.name


def software() -> dict[str, str]:
    """Package -> version, of what made the model."""
    return {name: version(name) for name in SOFTWARE}


def write_index(root: Path) -> Path:
    """`root/index.json`: one entry a bundle, by name; its path."""
    entries: list[dict[str, object]] = []
    for folder in bundle_folders(root):
        manifest, faults = read_manifest(folder)
        if manifest is None or faults:
            raise BundleError(str(folder), "; ".join(map(str, faults)), "Export it again.")
        entries.append(
            {
                "name": manifest.name,
                "version": manifest.version,
                "task": manifest.task,
                "summary": manifest.summary,
                "path": folder.relative_to(root).as_posix(),
                "licence": manifest.licence,
                "files": {
                    file.name: {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
                    for file in sorted(folder.iterdir())
                },
            }
        )
    path = root / "index.json"
    path.write_text(json.dumps({"schema_version": 1, "models": entries}, indent=2) + "\n", encoding="utf-8")
    return path
