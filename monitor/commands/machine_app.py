"""The command line of `auricle machine`: one thin function per command."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003 (typer reads the annotations)
from typing import Annotated

import typer

from monitor.commands import console
from monitor.commands.machine_live_app import Address, SourceName, machine_live_app
from monitor.commands.options import ConfigFile, leave, read_settings
from monitor.commands.words import several
from monitor.errors import UsageError
from monitor.paths import program_log

machine_app = typer.Typer(no_args_is_help=True, help="Machines that were enrolled while they were well.")
machine_app.add_typer(machine_live_app)

Machine = Annotated[str, typer.Argument(metavar="NAME", help="Such as pump-3.")]
SomeMachines = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Default: all.")]
Replace = Annotated[bool, typer.Option("--replace", help="Forget what is enrolled under the name.")]
Encoder = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Embeddings of this bundle beside simple features, such as machine-encoder; none: without. Default: what "
        "the settings name, else as before, a new machine without.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class DetectorName(StrEnum):
    """Detectors that `--detector` takes."""

    KNN = "knn"
    LOF = "lof"
    GMM = "gmm"


@machine_app.command("enroll", cls=several(frozenset({"--source", "--target", "--detector"})))
def machine_enroll(
    name: Machine,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="CLIP...", help="Recordings of it while it is well, folders or globs."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="CLIP...", help="Some of it under other conditions (season, load): 4 to 10 do."),
    ] = None,
    detector: Annotated[
        list[DetectorName] | None,
        typer.Option(help="knn, lof, gmm or several, whose scores are averaged. Default: knn."),
    ] = None,
    false_alarms_a_week: Annotated[
        float | None, typer.Option(metavar="N", help="For which the alarm line is set. Default: 1.")
    ] = None,
    replace: Replace = False,
    add: Annotated[bool, typer.Option("--add", help="Keep what is enrolled, and learn these clips too.")] = False,
    encoder: Encoder = None,
    config: ConfigFile = None,
) -> None:
    """Learns how a machine sounds while it is well. A running engine listens for it at once.

    Example: `auricle machine enroll pump-3 --source day1/*.wav --target winter/*.wav`
    """
    from monitor.commands import machine

    settings = read_settings(config)
    existing = machine.existing_of(replace, add)
    options = machine.options_of([one.value for one in detector or ()], false_alarms_a_week, existing, name)
    console.keep_program_log(program_log())
    leave(machine.enroll(name, source or [], target or [], machine.Wanted(options, existing, encoder), settings))


@machine_app.command("list")
def machine_list(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """Machines that are enrolled.

    Example: `auricle machine list`
    """
    from monitor.commands import machine

    leave(machine.list_machines(read_settings(config), as_json=as_json))


@machine_app.command("show")
def machine_show(name: Machine, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """The normal clips of a machine, its alarm line, and what could not be learnt as asked.

    Example: `auricle machine show pump-3`
    """
    from monitor.commands import machine

    leave(machine.show(name, read_settings(config), as_json=as_json))


@machine_app.command("remove")
def machine_remove(names: Annotated[list[str], typer.Argument(metavar="NAME")]) -> None:
    """Forgets machines and the audio that they were learnt from.

    Example: `auricle machine remove pump-3`
    """
    from monitor.commands import machine

    leave(machine.remove(names))


@machine_app.command("score")
def machine_score(
    name: Machine,
    clips: Annotated[list[str], typer.Argument(metavar="CLIP", help="Recordings of it, folders or globs.")],
    jsonl: Annotated[
        str | None, typer.Option("--jsonl", metavar="FILE", help="Write JSON Lines to FILE (- is stdout).")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """One score a clip: how unusual the machine sounds in it.

    JSON Lines have `file`, `score` (higher is worse), `percentile` (share of its normals that score lower, 0 to 1),
    `domain_probability` (of the target clips' conditions; null without any) and `alarm`.

    Example: `auricle machine score pump-3 today/*.wav --jsonl -`
    """
    from monitor.commands import machine

    settings = read_settings(config)
    console.keep_program_log(program_log())
    leave(machine.score(name, clips, settings, jsonl))


@machine_app.command("play")
def machine_play(
    name: Machine,
    clip: Annotated[
        Path | None,
        typer.Argument(metavar="CLIP", help="A recording of it. Without one: its newest alarm in a running engine."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write both to this file instead of playing them.")
    ] = None,
    source: SourceName = "",
    engine: Address = None,
    config: ConfigFile = None,
) -> None:
    """Plays an alarm, or a clip, and then the normal clip that is most like it, equally amplified.

    An alarm comes out of the engine's computer, and its microphone may hear it.

    Example: `auricle machine play pump-3 today/10.wav`
    """
    from monitor.commands import machine_play as playing

    if clip is not None:
        leave(playing.play_clip(name, clip, read_settings(config), out))
    if out is not None:
        raise UsageError("--out", "is for a clip", "Give a clip: auricle machine play NAME CLIP --out FILE")
    leave(playing.play_alarm(name, source, read_settings(config, bus={"commands": engine})))


@machine_app.command("update")
def machine_update(names: SomeMachines = None, encoder: Encoder = None, config: ConfigFile = None) -> None:
    """Learns machines again from the audio that was kept, with the encoder in use.

    Without a name: all that another encoder made.

    Example: `auricle machine update`
    """
    from monitor.commands import machine

    settings = read_settings(config)
    console.keep_program_log(program_log())
    leave(machine.update(names or [], encoder, settings))


@machine_app.command("export")
def machine_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.")],
    names: SomeMachines = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Writes machines with their audio to one file, to carry to another installation.

    Example: `auricle machine export hall-2.zip`
    """
    from monitor.commands import machine

    leave(machine.export(file, names or [], replace=force))


@machine_app.command("import")
def machine_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `auricle machine export` wrote.")],
    names: SomeMachines = None,
    replace: Replace = False,
    config: ConfigFile = None,
) -> None:
    """Takes over machines from an export, all of them or none.

    Example: `auricle machine import hall-2.zip`
    """
    from monitor.commands import machine

    leave(machine.import_machines(file, names or [], read_settings(config), replace=replace))
