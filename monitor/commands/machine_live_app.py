"""The part of `auricle machine` that talks to an engine that runs: one thin function per command."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 (typer reads the annotations)
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.commands.options import ConfigFile, leave, read_settings

if TYPE_CHECKING:
    from monitor.settings import Settings

machine_live_app = typer.Typer()

Machine = Annotated[str, typer.Argument(metavar="NAME", help="Such as pump-3.")]
Address = Annotated[
    str | None, typer.Option("--engine", metavar="ADDRESS", help="Of the engine; default: that of the settings.")
]
SourceName = Annotated[
    str, typer.Option(metavar="NAME", help="The microphone that hears it; needed where there are several.")
]


def _settings(config: Path | None, engine: str | None) -> Settings:
    return read_settings(config, bus={"commands": engine})


@machine_live_app.command("learn")
def machine_learn(
    name: Machine,
    minutes: Annotated[float, typer.Option(help="How long to listen, up to 30.")] = 10.0,
    source: SourceName = "",
    target: Annotated[bool, typer.Option("--target", help="It runs under other conditions than usual.")] = False,
    add: Annotated[bool, typer.Option("--add", help="Keep what is enrolled, and learn this too.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Forget what is enrolled under the name.")] = False,
    even_alarms: Annotated[
        bool, typer.Option("--even-alarms", help="Learn stretches too in which its alarm would ring.")
    ] = False,
    engine: Address = None,
    config: ConfigFile = None,
) -> None:
    """Has a running engine learn a machine from what it hears from now on.

    Example: `auricle machine learn pump-3 --minutes 10`
    """
    from monitor.commands import machine_live
    from monitor.commands.machine import existing_of

    wanted = machine_live.Wanted(minutes * 60.0, source, existing_of(replace, add), target, even_alarms)
    leave(machine_live.learn(name, wanted, _settings(config, engine)))


@machine_live_app.command("normal")
def machine_normal(name: Machine, source: SourceName = "", engine: Address = None, config: ConfigFile = None) -> None:
    """The newest alarm was a false one: adds what rang it to the machine's normals.

    Example: `auricle machine normal pump-3`
    """
    from monitor.commands import machine_live

    leave(machine_live.normal(name, source, _settings(config, engine)))


@machine_live_app.command("ack")
def machine_ack(name: Machine, engine: Address = None, config: ConfigFile = None) -> None:
    """Somebody has seen the alarm; the next one rings again.

    Example: `auricle machine ack pump-3`
    """
    from monitor.commands import machine_live

    leave(machine_live.attend(name, "acknowledge", _settings(config, engine)))


@machine_live_app.command("snooze")
def machine_snooze(
    name: Machine,
    minutes: Annotated[float, typer.Option(help="How long to keep quiet; 0: no longer.")] = 60.0,
    engine: Address = None,
    config: ConfigFile = None,
) -> None:
    """No alarm of a machine for a while; it is still listened for.

    Example: `auricle machine snooze pump-3 --minutes 90`
    """
    from monitor.commands import machine_live

    act = "wake" if minutes == 0 else "snooze"
    leave(machine_live.attend(name, act, _settings(config, engine), minutes * 60.0))


@machine_live_app.command("maintenance")
def machine_maintenance(
    name: Machine,
    end: Annotated[bool, typer.Option("--end", help="It is over.")] = False,
    engine: Address = None,
    config: ConfigFile = None,
) -> None:
    """Somebody works on a machine: nothing of it is judged until that is over.

    Example: `auricle machine maintenance pump-3`
    """
    from monitor.commands import machine_live

    leave(machine_live.attend(name, "resume" if end else "maintenance", _settings(config, engine)))


@machine_live_app.command("status")
def machine_status(engine: Address = None, config: ConfigFile = None) -> None:
    """What a running engine listens for, and what it was told about each machine.

    Example: `auricle machine status`
    """
    from monitor.commands import machine_live

    leave(machine_live.status(_settings(config, engine)))


@machine_live_app.command("drift")
def machine_drift(
    name: Machine,
    log: Annotated[Path | None, typer.Option(metavar="FILE", help="Event log; default: the live engine's.")] = None,
    config: ConfigFile = None,
) -> None:
    """How far a machine has slowly moved away from its normals, week by week, and whether to enroll it anew.

    Example: `auricle machine drift pump-3`
    """
    from monitor.commands import machine_live

    leave(machine_live.drift(name, read_settings(config), log))
