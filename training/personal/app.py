"""The command line of `auricle-train personalize`: the back-end that makes personal classifiers of sound classes."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.personal.make import Options
    from training.sound.backend import Backend
    from training.sound.recipe import SoundRecipe

personalize_app = typer.Typer(
    no_args_is_help=True,
    help="Makes a classifier of sound classes for one place from a mixture that a monitor gathered there.",
)

SMALL = Path("configs/training/sound/default.toml")
LARGE = Path("configs/training/sound/labeller.toml")

Small = Annotated[Path, typer.Option("--recipe", metavar="RECIPE.toml", help="Of C1, which is trained anew.")]
Large = Annotated[Path, typer.Option("--labeller", metavar="RECIPE.toml", help="Of C2, which labels.")]
Certainty = Annotated[float, typer.Option(min=0.25, max=1.0, help="Least probability of a label that is kept.")]
Wanted = Annotated[
    int | None, typer.Option("--vectors", min=1, help="To keep at most; default: as many as the baseline set has.")
]
POLL_S = 0.5


@personalize_app.command("run")
def personalize_run(
    request: Annotated[Path, typer.Argument(help="What `auricle scene personalize send --out` wrote.")],
    out: Annotated[Path, typer.Option("--out", metavar="ANSWER", help="File to write.")],
    recipe: Small = SMALL,
    labeller: Large = LARGE,
    certainty: Certainty = 0.75,
    vectors: Wanted = None,
) -> None:
    """Makes the classifier for one mixture, by file.

    Example: `auricle-train personalize run mixture.bin --out classifier.bin`
    """
    from monitor.kept.whole import read_limited, write_whole
    from monitor.scene.personal_message import LARGEST, decode_message
    from training.personal.make import Options, make_personal

    try:
        content = read_limited(request, LARGEST)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(str(request), f"cannot be read: {why}", "Give what the monitor wrote") from error
    decode_message(content, str(request))  # before minutes are spent
    backend, options = _loaded(recipe, labeller), Options(certainty, vectors)
    answer, made = make_personal(backend, recipe, content, options, _progress())
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, answer)
    except OSError as error:
        raise StoreError(str(out), f"cannot be written: {error.strerror}", "Use another file") from error
    for line in made.lines():
        typer.echo(line)


@personalize_app.command("serve")
def personalize_serve(
    bind: Annotated[str, typer.Option(metavar="ADDRESS", help="Where monitors ask.")] = "tcp://127.0.0.1:7320",
    keys: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="CURVE keys, needed unless the address is loopback.")
    ] = None,
    recipe: Small = SMALL,
    labeller: Large = LARGE,
    certainty: Certainty = 0.75,
    vectors: Wanted = None,
) -> None:
    """Waits for mixtures of monitors and answers each with a classifier, one at a time, until it is stopped.

    `auricle keys new` makes keys; `clients/` in their folder says who is let in.

    Example: `auricle-train personalize serve --bind tcp://127.0.0.1:7320`
    """
    from monitor.bus.backend_link import BackendServer
    from monitor.bus.key_files import read_keys
    from training.personal.make import Options

    curve = read_keys(keys) if keys else None
    options = Options(certainty, vectors)
    with BackendServer(bind, curve) as server:
        backend = _loaded(recipe, labeller)
        _serve(server.serve, server.address, backend, recipe, options)


def _serve(
    serve: Callable[[float, Callable[[bytes], bytes]], bool],
    address: str,
    backend: Backend,
    recipe: Path,
    options: Options,
) -> None:
    from training.personal.make import make_personal

    asked: list[int] = []
    before = {number: signal.signal(number, lambda given, _: asked.append(given)) for number in _STOPPING}
    progress = _progress()

    def make(request: bytes) -> bytes:
        progress(f"a mixture of {len(request)} bytes came")
        answer, _ = make_personal(backend, recipe, request, options, progress)
        return answer

    typer.echo(f"waiting at {address} for features {backend.spec.fingerprint}", err=True)
    try:
        while not asked:
            serve(POLL_S, make)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_STOPPING = (signal.SIGINT, signal.SIGTERM)


def _loaded(recipe: Path, labeller: Path) -> Backend:
    small, large = _sound_recipe(recipe), _sound_recipe(labeller)
    from training.sound.backend import load_backend

    return load_backend(small, large, _progress())


def _sound_recipe(path: Path) -> SoundRecipe:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "lightning", "sklearn", "onnx") if find_spec(name) is None]
    if missing:
        why = f"{', '.join(missing)} not installed"
        raise UsageError("the training package", why, "Install the extra: pip install 'auricle[training]'.")
    from training.config import load_recipe
    from training.sound.recipe import SoundRecipe

    found = load_recipe(path)
    if not isinstance(found, SoundRecipe):
        raise UsageError(str(path), "is no recipe of system `sound`", f"Give {SMALL} or {LARGE}")
    return found


def _progress() -> Callable[[str], None]:
    """One line a step on standard error, with seconds since the start."""
    started = time.monotonic()

    def show(message: str) -> None:
        typer.echo(f"{time.monotonic() - started:7.1f} s  {message}", err=True)

    return show
