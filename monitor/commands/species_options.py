"""Flags about known species, for commands that hear and for the list of a place."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.errors import UsageError

Latitude = Annotated[float | None, typer.Option("--lat", metavar="DEGREES", help="North above 0; needs --lon.")]
Longitude = Annotated[float | None, typer.Option("--lon", metavar="DEGREES", help="East above 0; needs --lat.")]
Week = Annotated[
    int | None, typer.Option("--week", metavar="1-48", help="Four in each month. Default: the whole year.")
]
Known = Annotated[
    list[str] | None,
    typer.Option("--species", metavar="MODEL", help="Bundle of known species, such as birdnet; may be repeated."),
]


def species_flags(
    models: list[str] | None, latitude: float | None, longitude: float | None, week: int | None
) -> dict[str, object]:
    """The flags as settings of the section `species`; None where not given. Raises UsageError for half a place."""
    if (latitude is None) != (longitude is None):
        given, missing = ("--lat", "--lon") if longitude is None else ("--lon", "--lat")
        raise UsageError(given, f"says nothing without {missing}", "Give both, or neither")
    named = tuple(models) if models else None
    return {"models": named, "latitude": latitude, "longitude": longitude, "week": week}


def species_words(
    models: list[str] | None, latitude: float | None, longitude: float | None, week: int | None
) -> list[str]:
    """The same on a command line of our own."""
    words = [word for name in models or () for word in ("--species", name)]
    for flag, value in (("--lat", latitude), ("--lon", longitude), ("--week", week)):
        # One word, so that a southern latitude is no option.
        words += [] if value is None else [f"{flag}={value}"]
    return words
