"""What the commands of the command line share: options, settings, and how they end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from monitor.settings import Settings

ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Use this configuration file.")]
Encoder = Annotated[str | None, typer.Option(metavar="NAME", help="Encoder bundle; see `auricle models list`.")]


def read_settings(config: Path | None, **flags: dict[str, object]) -> Settings:
    """The user's settings; `flags` are those of the command line, by section. Raises SettingsError."""
    from monitor.settings import load_settings

    return load_settings(config, flags)


def privacy_flags(wanted: bool) -> dict[str, object]:
    """`--privacy` as settings of the section `privacy`; None where it is not given."""
    return {"mode": "speech" if wanted else None}


def privacy_words(wanted: bool) -> list[str]:
    """The same on a command line of our own."""
    return ["--privacy"] if wanted else []


def leave(exit_code: int) -> NoReturn:
    """End the command."""
    raise typer.Exit(exit_code)
