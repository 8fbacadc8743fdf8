"""A mixture in, a classifier out: draw, label, keep what is certain, merge with the baseline set, train C1, export."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from monitor.core.text import counted
from monitor.errors import UsageError
from monitor.inference.manifest import FINGERPRINT_KEY
from monitor.scene.personal_answer import Made, encode_answer
from monitor.scene.personal_basis import from_basis
from monitor.scene.personal_message import decode_message, mixture_of
from training.export import check_parity, write_onnx
from training.nets.sound_class import FRAMES, VALUES, SmallClassifier, WithProbabilities
from training.personal.bundle import write_personal
from training.personal.pseudo import pseudo_labelled
from training.sound.bundle import OUTPUT
from training.sound.fit import train
from training.sound.recipe import LABELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.sound.backend import Backend

    Progress = Callable[[str], None]

CERTAINTY = 0.75
"""Least probability of a label that is kept (Koppelman et al., 3.2)."""

DRAWS_AT_MOST = 20
"""Times the wanted number. The paper draws until there are enough, which may be never."""

LEAST_SHARE = 0.05
"""Of the wanted number: with fewer labels than that there is nothing to learn from."""

PARITY_WINDOWS = 64


@dataclass(frozen=True, slots=True)
class Options:
    """How to make it."""

    certainty: float = CERTAINTY
    wanted: int | None = None
    """Vectors to keep at most; None: as many as the baseline set has, as in the paper."""
    seed: int = 0


def make_personal(
    backend: Backend, recipe_path: Path, request: bytes, options: Options, progress: Progress
) -> tuple[bytes, Made]:
    """The answer to a request, and how it was made.

    Raises UsageError when the request is no mixture of this filter bank, or C2 is certain of hardly anything in it.
    """
    message = decode_message(request)
    mixture = mixture_of(message, backend.spec.fingerprint, FRAMES, VALUES)
    wanted = options.wanted or len(backend.labels)
    found = pseudo_labelled(
        lambda count, generator: from_basis(mixture.sample(count, generator), FRAMES),
        backend.label,
        (FRAMES, VALUES),
        wanted=wanted,
        certainty=options.certainty,
        at_most=DRAWS_AT_MOST * wanted,
        generator=np.random.default_rng(options.seed),
    )
    kept = len(found.labels)
    progress(f"{counted(mixture.components, 'component')}: {kept} of {found.drawn} draws labelled with certainty")
    if kept < LEAST_SHARE * wanted:
        why = f"the back-end's classifier was {options.certainty:.0%} certain of only {kept} of {found.drawn} draws"
        remedy = "Gather more, with more components (sound.personalize.components), or lower the certainty"
        raise UsageError("the mixture", why, remedy)
    counts = {label: int((found.labels == place).sum()) for place, label in enumerate(LABELS)}
    made = Made(message.vectors, found.drawn, kept, wanted, options.certainty, counts, len(backend.labels))
    torch.manual_seed(backend.recipe.seed)
    network = SmallClassifier(backend.recipe.optimiser.dropout)
    vectors = np.concatenate([backend.vectors, found.vectors])
    train(backend.recipe, network, vectors, np.concatenate([backend.labels, found.labels]))
    progress(f"trained on {len(vectors)} vectors")
    return _exported(backend, recipe_path, network.eval(), vectors[:PARITY_WINDOWS], made), made


def _exported(backend: Backend, recipe_path: Path, network: SmallClassifier, some: np.ndarray, made: Made) -> bytes:
    """The answer with its bundle, which was tested against torch."""
    with tempfile.TemporaryDirectory(prefix="auricle-personal-") as scratch:
        model = Path(scratch) / "export.onnx"
        told = WithProbabilities(network)
        write_onnx(told, FRAMES, VALUES, model, {FINGERPRINT_KEY: backend.spec.fingerprint}, OUTPUT)
        check_parity(told, model, some, OUTPUT)
        version = version_of(datetime.now(UTC))
        folder = write_personal(Path(scratch) / "models", version, backend, recipe_path, model, made)
        return encode_answer(folder, made)


def version_of(now: datetime) -> str:
    """`<year>.<day of the year>.<second of the day>`: later is higher."""
    second = (now.hour * 60 + now.minute) * 60 + now.second
    return f"{now.year}.{now.timetuple().tm_yday}.{second}"
