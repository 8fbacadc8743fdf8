"""The command line of training: one thin function per command. Commands import what is heavy themselves."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.errors import AuricleError, StartError, UsageError
from training.personal.app import personalize_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config import Recipe

app = typer.Typer(
    name="auricle-train",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Trains, measures and exports the models that the monitor loads. Recipes lie under configs/training.",
)

app.add_typer(personalize_app, name="personalize")

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE.toml", help="A recipe under configs/training.")]


@app.command()
def run(recipe: RecipeFile) -> None:
    """Everything: prepare recordings, train, choose thresholds, measure, write the bundle or, of a table, the report.

    Finished parts are kept in the recipe's cache and not made again; an interrupted run goes on where it was.

    Example: `auricle-train run configs/training/gate/default.toml`
    """
    settings = _recipe(recipe)
    from training.dispatch import system_of

    for line in system_of(settings.system).run(settings, recipe, _progress()).lines():
        typer.echo(line)


@app.command()
def evaluate(recipe: RecipeFile) -> None:
    """Measure the trained networks of a recipe again (training what is missing) and print the figures.

    Of a table of rows (system fewshot-paper) only the validation species are asked about; nothing is written. Of the
    machine paper's tables (anomaly-paper) everything is, from what is trained; nothing is written either.

    Example: `auricle-train evaluate configs/training/gate/default.toml`
    """
    settings = _recipe(recipe)
    from training.dispatch import system_of

    for line in system_of(settings.system).evaluate(settings, recipe, _progress()).lines():
        typer.echo(line)


@app.command()
def export(recipe: RecipeFile) -> None:
    """Write the bundle of a recipe that was trained and measured.

    Example: `auricle-train export configs/training/gate/default.toml`
    """
    settings = _recipe(recipe)
    from training.dispatch import system_of

    typer.echo(system_of(settings.system).export(settings, recipe, _progress()))


@app.command()
def companion(recipe: RecipeFile) -> None:
    """Write the cohort of BirdNET's embedding, with which taught species are tagged; the recipe says data and gate.

    Example: `auricle-train companion configs/training/fewshot/default.toml`
    """
    settings = _recipe(recipe)
    from training.fewshot.companion import make_companion
    from training.fewshot.recipe import FewShotRecipe

    if not isinstance(settings, FewShotRecipe):
        raise UsageError(str(recipe), "is no recipe of system `fewshot`", "Give configs/training/fewshot/default.toml.")
    typer.echo(make_companion(settings, _progress()))


@app.command()
def encoders(
    recipe: RecipeFile,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.md", help="Page to write.")] = Path("docs/encoders.md"),
) -> None:
    """Compare the shipped encoder with BirdNET, as taught species are told apart with them, and write the page.

    What was heard before is taken from `cache/encoders`; a new encoder is heard in some minutes.

    Example: `auricle-train encoders configs/training/fewshot/default.toml`
    """
    settings = _recipe(recipe)
    from training.encoders.run import write_page
    from training.fewshot.recipe import FewShotRecipe

    if not isinstance(settings, FewShotRecipe):
        raise UsageError(str(recipe), "is no recipe of system `fewshot`", "Give configs/training/fewshot/default.toml.")
    typer.echo(write_page(settings, out, _progress()))


def main() -> None:
    """Entry point: errors become messages and exit codes; no traceback for what a user can cause."""
    try:
        app(standalone_mode=True)
    except AuricleError as error:
        for fault in error.errors if isinstance(error, StartError) else (error,):
            typer.echo(f"auricle-train: {fault}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("auricle-train: stopped; the same command goes on from here", err=True)
        sys.exit(130)


def _recipe(path: Path) -> Recipe:
    """The recipe, once the `training` extra is known to be there."""
    from importlib.util import find_spec

    from training.config import load_recipe

    missing = [name for name in ("torch", "lightning", "sklearn", "onnx") if find_spec(name) is None]
    if missing:
        why = f"{', '.join(missing)} not installed"
        raise UsageError("the training package", why, "Install the extra: pip install 'auricle[training]'.")
    return load_recipe(path)


def _progress() -> Callable[[str], None]:
    """One line a step on standard error, with minutes since the start."""
    started = time.monotonic()

    def show(message: str) -> None:
        typer.echo(f"{(time.monotonic() - started) / 60:6.1f} min  {message}", err=True)

    return show


if __name__ == "__main__":
    main()
