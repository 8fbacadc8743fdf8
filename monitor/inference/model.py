"""Opens the model file of a bundle and holds it against the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import BundleError
from monitor.inference.faults import Fault, shape_text
from monitor.inference.manifest import FINGERPRINT_KEY, FeatureInput, ModulationInput
from monitor.inference.manifest_file import sha256_of
from monitor.inference.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.inference.manifest import Manifest, Tensor
    from monitor.inference.session import TensorInfo


def open_model(file: Path, manifest: Manifest, threads: int) -> tuple[Session | None, list[Fault]]:
    """The network, or None where it was not opened; and where it is not what the manifest says."""
    try:
        digest = sha256_of(file)
    except OSError as error:
        return None, [Fault(file.name, f"cannot be read: {error.strerror or error}")]
    if digest != manifest.model.sha256:
        # Bytes that nobody vouches for are not handed to the runtime's parser.
        why = f"was changed: its SHA-256 is {digest[:16]}..., the manifest says {manifest.model.sha256[:16]}..."
        return None, [Fault(file.name, why)]
    try:
        session = Session(file, threads, manifest.dequantise, manifest.runtime)
    except BundleError as error:
        return None, [Fault(file.name, error.why, error.remedy)]
    faults = _port_faults(file.name, "input", manifest.inputs, session.inputs)
    faults += _port_faults(file.name, "output", manifest.outputs, session.outputs)
    faults += _metadata_faults(file.name, manifest, session)
    return session, faults


def _metadata_faults(name: str, manifest: Manifest, session: Session) -> list[Fault]:
    if not isinstance(manifest.input, FeatureInput | ModulationInput):
        return []
    found = session.metadata.get(FINGERPRINT_KEY)
    if found is None:
        return [Fault(name, f"its metadata has no `{FINGERPRINT_KEY}`")]
    if found != manifest.input.fingerprint:
        why = f"was trained on features {found}, the manifest says {manifest.input.fingerprint}"
        return [Fault(name, why)]
    return []


def _port_faults(file: str, what: str, declared: tuple[Tensor, ...], present: tuple[TensorInfo, ...]) -> list[Fault]:
    found = {info.name: info for info in present}
    faults = [Fault(file, f"has no {what} `{tensor.name}`") for tensor in declared if tensor.name not in found]
    names = {tensor.name for tensor in declared}
    faults += [Fault(file, f"{what} `{name}` is not in the manifest") for name in found if name not in names]
    for tensor in declared:
        info = found.get(tensor.name)
        if info and not info.is_float32:
            faults.append(Fault(file, f"{what} `{tensor.name}` is {info.kind}, not float32"))
        if info and info.shape != tensor.shape:
            why = f"{what} `{tensor.name}` is {shape_text(info.shape)}, the manifest says {shape_text(tensor.shape)}"
            faults.append(Fault(file, why))
    return faults
