"""The command line of `auricle species`: one thin function per command."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 (typer reads the annotations)
from typing import Annotated

import typer

from monitor.commands import console
from monitor.commands.options import ConfigFile, Encoder, leave, read_settings
from monitor.commands.species_options import Known, Latitude, Longitude, Week, species_flags
from monitor.commands.words import several
from monitor.paths import program_log

species_app = typer.Typer(
    no_args_is_help=True, help="Species that were taught from a few clips; known ones of a place."
)

Species = Annotated[str, typer.Argument(metavar="NAME", help='Such as "Turdus merula_Common Blackbird".')]
SomeSpecies = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Default: all.")]
Replace = Annotated[bool, typer.Option("--replace", help="Forget what is enrolled under the name.")]
Add = Annotated[bool, typer.Option("--add", help="Keep what is enrolled under the name, and learn these clips too.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@species_app.command("enroll", cls=several(frozenset({"--background"})))
def species_enroll(
    name: Species,
    clips: Annotated[list[str], typer.Argument(metavar="CLIP", help="Recordings of its calls, folders or globs.")],
    replace: Replace = False,
    add: Add = False,
    threshold: Annotated[
        float | None, typer.Option(metavar="P", help="Probability from which on it is named, 0 to 1.")
    ] = None,
    background: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH...", help="Recordings without the species: how often is it named wrongly?"),
    ] = None,
    encoder: Encoder = None,
    config: ConfigFile = None,
) -> None:
    """Teaches a species from a few clips, and tells what to expect of it. A running engine knows it at once.

    Example: `auricle species enroll "Turdus merula" blackbird-1.wav blackbird-2.wav --background street/*.flac`
    """
    from monitor.commands import species

    settings = read_settings(config)
    wanted = species.Wanted(species.existing_of(replace, add), threshold, tuple(background or ()), encoder)
    console.keep_program_log(program_log())
    leave(species.enroll(name, clips, wanted, settings))


@species_app.command("list")
def species_list(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Species that are enrolled.

    Example: `auricle species list`
    """
    from monitor.commands import species

    leave(species.list_species(read_settings(config), as_json=as_json))


@species_app.command("show")
def species_show(name: Species, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """The clips of a species, whether they agree, and what it may be mistaken for.

    Example: `auricle species show "Turdus merula"`
    """
    from monitor.commands import species

    leave(species.show(name, read_settings(config), as_json=as_json))


@species_app.command("remove")
def species_remove(names: Annotated[list[str], typer.Argument(metavar="NAME")]) -> None:
    """Forgets species and the audio that they were learnt from.

    Example: `auricle species remove "Turdus merula"`
    """
    from monitor.commands import species

    leave(species.remove(names))


@species_app.command("threshold")
def species_threshold(
    name: Species,
    threshold: Annotated[float | None, typer.Argument(metavar="P", help="Probability, 0 to 1.")] = None,
    default: Annotated[bool, typer.Option("--default", help="The encoder's own again.")] = False,
) -> None:
    """The probability from which on a species is named: higher means fewer false tags and fewer true ones.

    Example: `auricle species threshold "Turdus merula" 0.9`
    """
    from monitor.commands import species

    leave(species.set_threshold(name, threshold, default=default))


@species_app.command("update")
def species_update(names: SomeSpecies = None, encoder: Encoder = None, config: ConfigFile = None) -> None:
    """Learns species again from the audio that was kept, with the encoder in use.

    Without a name: all that another encoder made.

    Example: `auricle species update`
    """
    from monitor.commands import species

    settings = read_settings(config)
    console.keep_program_log(program_log())
    leave(species.update_species(names or [], encoder, settings))


@species_app.command("export")
def species_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.")],
    names: SomeSpecies = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Writes species with their audio to one file, to carry to another installation.

    Example: `auricle species export garden.zip`
    """
    from monitor.commands import species

    leave(species.export(file, names or [], replace=force))


@species_app.command("import")
def species_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `auricle species export` wrote.")],
    names: SomeSpecies = None,
    replace: Replace = False,
    add: Add = False,
    config: ConfigFile = None,
) -> None:
    """Takes over species from an export, all of them or none.

    Example: `auricle species import garden.zip`
    """
    from monitor.commands import species

    leave(species.import_species(file, names or [], species.existing_of(replace, add), read_settings(config)))


@species_app.command("range")
def species_range(
    lat: Latitude = None,
    lon: Longitude = None,
    week: Week = None,
    species: Known = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Known species that are expected at a place, the most probable first; others are not told of there.

    Example: `auricle species range --lat 52.5 --lon 13.4 --week 20`
    """
    from monitor.commands import species_range as listing

    settings = read_settings(config, species=species_flags(species, lat, lon, week))
    leave(listing.print_range(settings.species, as_json=as_json))
