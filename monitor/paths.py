"""Where Auricle's files lie; the one place that knows."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

CONFIG_NAME = "auricle.toml"


def config_file() -> Path:
    """The user's configuration: `AURICLE_CONFIG`, else `auricle.toml` in the platform's configuration folder."""
    named = os.environ.get("AURICLE_CONFIG")
    return (
        Path(named).expanduser()
        if named
        else Path(platformdirs.user_config_dir("auricle", appauthor=False)) / CONFIG_NAME
    )


def data_dir() -> Path:
    """Event log, imported models and enrolled species: `AURICLE_DATA_DIR`, else the platform's data folder."""
    named = os.environ.get("AURICLE_DATA_DIR")
    return Path(named).expanduser() if named else Path(platformdirs.user_data_dir("auricle", appauthor=False))


def event_log() -> Path:
    """The live engine's event log."""
    return data_dir() / "events.sqlite"


def species_folder() -> Path:
    """The species that were enrolled, and the audio behind them."""
    return data_dir() / "species"


def machines_folder() -> Path:
    """The machines that were enrolled, and the audio behind them."""
    return data_dir() / "machines"


def personal_folder() -> Path:
    """The personal classifier of sound classes, and what was gathered for it."""
    return data_dir() / "personal"


def program_log() -> Path:
    """What the program itself has to say (faults with their tracebacks)."""
    return Path(platformdirs.user_log_dir("auricle", appauthor=False)) / "auricle.log"


def model_roots() -> tuple[Path, ...]:
    """Folders of model bundles, first match wins: the user's own, then the ones that came with the program."""
    package = Path(__file__).resolve().parent
    shipped = package / "_models" if (package / "_models").is_dir() else package.parent / "models"
    return (data_dir() / "models", shipped)
