"""The command line of `auricle scene personalize`: one thin function per command."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 (typer reads the annotations)
from typing import Annotated

import typer

from monitor.commands import console
from monitor.commands.options import ConfigFile, leave, read_settings
from monitor.paths import program_log

scene_app = typer.Typer(no_args_is_help=True, help="What kind of sound this is: a classifier of your own place.")
personalize_app = typer.Typer(
    no_args_is_help=True,
    help="A classifier of sound classes for the place where this monitor is, made without sending audio or features.",
)
scene_app.add_typer(personalize_app, name="personalize")

AsJson = Annotated[bool, typer.Option("--json", help="As one JSON object.")]


@personalize_app.command("status")
def personalize_status(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """How much was gathered, and which classifier is in use.

    Example: `auricle scene personalize status`
    """
    from monitor.commands import personal

    leave(personal.status(read_settings(config), as_json=as_json))


@personalize_app.command("send")
def personalize_send(
    address: Annotated[
        str | None, typer.Argument(metavar="ADDRESS", help="Of a back-end: `auricle-train personalize serve`.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print every number that would leave, and send nothing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write what would be sent, to carry it by hand.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="CURVE keys; default: bus.keys. See `auricle keys new`.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, metavar="S", help="Seconds to wait for the answer.")] = 600.0,
    config: ConfigFile = None,
) -> None:
    """Sends the mixture, and nothing else, to a back-end, and keeps the classifier that it answers with.

    `apply` puts that in use. Nothing is sent without an address.

    Example: `auricle scene personalize send tcp://127.0.0.1:7320`
    """
    from monitor.commands import personal

    settings = read_settings(config)
    console.keep_program_log(program_log())
    leave(personal.send(settings, personal.Wanted(address, out, keys, timeout, show)))


@personalize_app.command("apply")
def personalize_apply(
    answer: Annotated[
        Path | None, typer.Argument(metavar="ANSWER", help="What `auricle-train personalize run` wrote.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Checks the newest answer of a back-end (or the file) and puts its classifier in use; the one before is kept.

    A monitor that runs takes it over within a second, without losing a decision.

    Example: `auricle scene personalize apply`
    """
    from monitor.commands import personal

    settings = read_settings(config)
    console.keep_program_log(program_log())
    leave(personal.apply(settings, answer))


@personalize_app.command("revert")
def personalize_revert(config: ConfigFile = None) -> None:
    """Puts the classifier in use that was before; a second time, the newer one again.

    Example: `auricle scene personalize revert`
    """
    from monitor.commands import personal

    leave(personal.revert(read_settings(config)))


@personalize_app.command("forget")
def personalize_forget() -> None:
    """Forgets what was gathered and begins anew, as after moving to another place. The classifier in use stays.

    Example: `auricle scene personalize forget`
    """
    from monitor.commands import personal

    leave(personal.forget())
