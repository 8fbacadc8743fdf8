"""The command line: one thin function per command. Heavy rooms are imported by the command that needs them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from monitor.commands import console
from monitor.commands.machine_app import machine_app
from monitor.commands.models_app import models_app
from monitor.commands.options import ConfigFile, Encoder, leave, privacy_flags, privacy_words, read_settings
from monitor.commands.personal_app import scene_app
from monitor.commands.species_app import species_app
from monitor.commands.species_options import Known, Latitude, Longitude, Week, species_flags, species_words
from monitor.errors import AuricleError
from monitor.paths import program_log

app = typer.Typer(
    name="auricle",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="A program that listens: which birds call, which machine sounds wrong, what scene it is. "
    "Live or in recordings, on one CPU core.",
)
config_app = typer.Typer(no_args_is_help=True, help="Settings: defaults, file, environment, flags.")
keys_app = typer.Typer(no_args_is_help=True, help="CURVE keys, needed where sockets leave this machine.")
app.add_typer(species_app, name="species")
app.add_typer(machine_app, name="machine")
app.add_typer(scene_app, name="scene")
app.add_typer(models_app, name="models")
app.add_typer(config_app, name="config")
app.add_typer(keys_app, name="keys")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        console.print_line(f"auricle {version('auricle')}")
        raise typer.Exit


@app.callback()
def _auricle(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Hold the options of the program itself."""


NoTui = Annotated[bool, typer.Option("--no-tui", help="Print readings as text instead of drawing the screen.")]
Jsonl = Annotated[str | None, typer.Option("--jsonl", metavar="FILE", help="Write JSON Lines to FILE (- is stdout).")]
Log = Annotated[Path | None, typer.Option("--log", metavar="FILE", help="Event log (SQLite) to write.")]
Device = Annotated[str | None, typer.Option(help="Name of the microphone, or a part of it; see `auricle devices`.")]
Paths = Annotated[
    list[str], typer.Argument(metavar="PATH", help="Recordings, folders, globs, or - for WAV on standard input.")
]
Address = Annotated[str | None, typer.Argument(metavar="ADDRESS", help="The engine's commands address.")]
EngineAddress = Annotated[str | None, typer.Option("--engine", metavar="ADDRESS", help="The engine's audio address.")]
Channel = Annotated[int | None, typer.Option("--channel", min=1, max=8, help="Channel to listen to, from 1.")]
Record = Annotated[Path | None, typer.Option("--record", metavar="DIR", help="Keep the raw audio as FLAC files here.")]
Privacy = Annotated[bool, typer.Option("--privacy", help="Keep no clip and show no spectrogram while people speak.")]
Stay = Annotated[bool, typer.Option("--stay", hidden=True)]


@app.command()
def demo(
    no_tui: NoTui = False,
    speed: Annotated[str | None, typer.Option(help="1, any factor, or max. Default: 1 on screen, max as text.")] = None,
    jsonl: Jsonl = None,
    log: Log = None,
    config: ConfigFile = None,
    stay: Stay = False,
) -> None:
    """Two minutes of sound that the program makes itself: four birds, two of which it was taught.

    Example: `auricle demo`
    """
    from monitor.commands import play, screen

    settings = read_settings(config)
    shown = not no_tui and console.has_terminal()
    wanted = play.parse_speed(speed or ("1" if shown else "max"))
    options = play.Options(wanted, jsonl, log, stay)
    if shown:
        leave(screen.play_behind(["demo", *play.arguments(options)], config, title="demo"))
    console.keep_program_log(program_log())
    leave(play.demo(settings, options))


@app.command()
def replay(
    paths: Paths,
    speed: Annotated[str, typer.Option(help="1, any factor, or max (as fast as it can go).")] = "1",
    no_tui: NoTui = False,
    jsonl: Jsonl = None,
    log: Log = None,
    channel: Annotated[str | None, typer.Option(help="loudest, or the number of a channel from 1.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone of local file names, such as Europe/Berlin.")] = None,
    species: Known = None,
    lat: Latitude = None,
    lon: Longitude = None,
    week: Week = None,
    privacy: Privacy = False,
    config: ConfigFile = None,
    stay: Stay = False,
) -> None:
    """Recordings through the live engine; each is its own stream from 0.

    Example: `auricle replay night/*.flac --speed max --no-tui --jsonl -`
    """
    from monitor.commands import play, screen

    settings = read_settings(config, species=species_flags(species, lat, lon, week), privacy=privacy_flags(privacy))
    options = play.Options(play.parse_speed(speed), jsonl, log, stay, channel, timezone)
    if not no_tui and jsonl != "-" and console.has_terminal():
        title = paths[0] if len(paths) == 1 else "replay"
        words = ["replay", *play.arguments(options), *species_words(species, lat, lon, week), *privacy_words(privacy)]
        words += ["--", *paths]
        leave(screen.play_behind(words, config, title=title, piped="-" in paths))
    console.keep_program_log(program_log())
    leave(play.recordings(paths, settings, options))


@app.command()
def live(
    device: Device = None,
    no_tui: NoTui = False,
    jsonl: Jsonl = None,
    channel: Channel = None,
    record: Record = None,
    keep_running: Annotated[
        bool, typer.Option("--keep-running", help="Leave engine and capture running when the screen is left.")
    ] = False,
    species: Known = None,
    lat: Latitude = None,
    lon: Longitude = None,
    week: Week = None,
    privacy: Privacy = False,
    config: ConfigFile = None,
) -> None:
    """Microphone to screen: starts capture, engine and screen, and supervises the first two.

    Example: `auricle live --device "USB Audio"`
    """
    from monitor.commands import listen

    settings = read_settings(
        config,
        capture={"device": device, "channel": channel, "record": record},
        species=species_flags(species, lat, lon, week),
        privacy=privacy_flags(privacy),
    )
    shown = not no_tui and jsonl != "-" and console.has_terminal()
    console.keep_program_log(program_log())
    words = [*species_words(species, lat, lon, week), *privacy_words(privacy)]
    leave(listen.live(settings, config, words, shown=shown, jsonl=jsonl, keep_running=keep_running))


@app.command()
def engine(
    log: Log = None,
    species: Known = None,
    lat: Latitude = None,
    lon: Longitude = None,
    week: Week = None,
    privacy: Privacy = False,
    config: ConfigFile = None,
) -> None:
    """The engine by itself: takes audio from captures, publishes readings.

    Example: `auricle engine --lat 52.5 --lon 13.4`
    """
    from monitor.engine.live import run_engine

    flags = species_flags(species, lat, lon, week)
    settings = read_settings(config, store={"log": log}, species=flags, privacy=privacy_flags(privacy))
    console.keep_program_log(None)
    leave(run_engine(settings))


@app.command()
def capture(
    device: Device = None,
    engine_address: EngineAddress = None,
    channel: Channel = None,
    record: Record = None,
    config: ConfigFile = None,
) -> None:
    """A microphone by itself: sends its audio to an engine, here or elsewhere.

    Example: `auricle capture --device "USB Audio" --engine tcp://127.0.0.1:7310`
    """
    from monitor.commands import listen

    settings = read_settings(
        config, capture={"device": device, "channel": channel, "record": record}, bus={"audio": engine_address}
    )
    console.keep_program_log(None)
    leave(listen.capture(settings))


@app.command()
def watch(
    address: Address = None,
    no_tui: NoTui = False,
    jsonl: Jsonl = None,
    config: ConfigFile = None,
) -> None:
    """The screen by itself, on an engine that runs.

    Example: `auricle watch tcp://127.0.0.1:7312`
    """
    from monitor.commands import listen

    settings = read_settings(config, bus={"commands": address})
    shown = not no_tui and jsonl != "-" and console.has_terminal()
    console.keep_program_log(program_log())
    leave(listen.watch(settings, shown=shown, jsonl=jsonl))


@app.command()
def devices(
    test: Annotated[bool, typer.Option("--test", help="Listen for three seconds: level, clipping, silence.")] = False,
    device: Device = None,
    config: ConfigFile = None,
) -> None:
    """Microphones that the system offers.

    Example: `auricle devices --test --device "USB Audio"`
    """
    from monitor.commands import listen

    settings = read_settings(config, capture={"device": device})
    console.keep_program_log(program_log())
    leave(listen.show_devices(settings, test=test))


@app.command()
def embed(
    paths: Paths,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.npz", help="File to write; replaced if it is there.")],
    encoder: Encoder = None,
    config: ConfigFile = None,
) -> None:
    """Gate probability and embedding of every window of recordings, as arrays in one npz file.

    For each encoder window, about 3 s every second: `path`, `start_s`, `end_s`, `gate` (the highest probability of a
    bird inside) and `embedding`; for each gate window: `gate_path`, `gate_start_s`, `gate_end_s`, `gate_probability`.

    Example: `auricle embed night/*.flac --out night.npz`
    """
    from monitor.commands import embed

    settings = read_settings(config)
    console.keep_program_log(program_log())
    leave(embed.embed(paths, out, encoder, settings))


@app.command()
def doctor(config: ConfigFile = None) -> None:
    """Checks settings, models, sound system, sockets and disk; says what to do about each fault.

    Example: `auricle doctor`
    """
    from monitor.commands import examine

    leave(examine.doctor(config))


@app.command()
def bench(
    minutes: Annotated[float, typer.Option(min=0.1, help="Minutes of audio to run through.")] = 10.0,
    recording: Annotated[Path | None, typer.Option(help="Repeat this recording instead of the demo's sound.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    config: ConfigFile = None,
) -> None:
    """How many times faster than real time this machine is, and what each stage costs.

    Example: `auricle bench --minutes 2`
    """
    from monitor.commands import examine

    leave(examine.bench(read_settings(config), minutes, recording, as_json=as_json))


@config_app.command("show")
def config_show(config: ConfigFile = None) -> None:
    """Every setting with its value, as TOML.

    Example: `auricle config show`
    """
    from monitor.commands import examine

    leave(examine.show_settings(read_settings(config)))


@config_app.command("init")
def config_init(
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    config: ConfigFile = None,
) -> None:
    """Writes a commented configuration file with every setting at its default.

    Example: `auricle config init`
    """
    from monitor.commands import examine

    leave(examine.write_settings(config, replace=force))


@keys_app.command("new")
def keys_new(folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="To write the two key files to.")]) -> None:
    """Makes a CURVE key pair, the secret one readable only by you.

    Example: `auricle keys new ~/.config/auricle/keys`
    """
    from monitor.bus.key_files import write_keys

    for file in write_keys(folder):
        console.print_line(str(file))


def keep_to_one_core() -> None:
    """Have numpy multiply matrices in one thread, unless the environment says otherwise; called before numpy is loaded.

    Ours are small: threads that wait for one another cost seven times the processor time, on a busy machine all of it.
    """
    for variable in ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(variable, "1")


def main() -> None:
    """Entry point: errors become messages and exit codes; nothing of ours reaches the user as a traceback."""
    keep_to_one_core()
    try:
        app(standalone_mode=True)
    except AuricleError as error:
        console.print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(0)
