"""The encoder of machines, for commands that learn or score them; there need not be one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor import paths
from monitor.errors import BundleError
from monitor.inference.bundle import find_bundle, load_bundle, read_manifest
from monitor.machines.encoder import DEFAULT_ENCODER, MachineEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.settings import Settings

NONE = "none"
"""For `--encoder`: no encoder."""


def load_machine_encoder(settings: Settings, named: str | None) -> MachineEncoder | None:
    """The encoder in use; None where none was named and the default one is not there.

    Raises BundleError when the one that was named is absent, or it is not sound or no encoder of machines.
    """
    folder = _folder(settings, named)
    return None if folder is None else MachineEncoder(load_bundle(folder, settings.engine.threads))


def encoder_to_learn_with(settings: Settings, named: str | None, before: str | None) -> MachineEncoder | None:
    """What `--encoder` says (`none`: simple features alone), else the settings; else as `before`.

    `before` is the id of the encoder that the machine was learnt with, None for none or a new machine. Raises
    BundleError as `load_machine_encoder`.
    """
    if named == NONE or (named is None and settings.machines.encoder is None and before is None):
        return None
    return load_machine_encoder(settings, named)


def present_machine_encoder(settings: Settings) -> str | None:
    """`name@version` of the encoder in use, from its manifest alone; None where there is none that can be read."""
    try:
        folder = _folder(settings, None)
    except BundleError:
        return None
    manifest = read_manifest(folder)[0] if folder else None
    return manifest.id if manifest else None


def _folder(settings: Settings, named: str | None) -> Path | None:
    wanted = named or settings.machines.encoder
    try:
        return find_bundle(wanted or DEFAULT_ENCODER, paths.model_roots())
    except BundleError:
        if wanted is not None:
            raise
        return None
