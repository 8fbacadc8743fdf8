"""C1 trained in every way of the paper, ten times each, and heard by every user."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from training.nets.sound_class import FRAMES, VALUES
from training.personal.fits import fitted
from training.personal.many import Lesson, say_many, train_many
from training.personal.pseudo import certain, pseudo_labelled
from training.personal.results import PersonalResults, Row
from training.personal.teacher import load_teacher
from training.sound.fit import probabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import nn

    from training.personal.fits import Kind
    from training.personal.recipe import PersonalRecipe
    from training.personal.render import Decisions
    from training.personal.sets import Part

    Progress = Callable[[str], None]
    Sets = dict[tuple[str, Part], Decisions]

TOGETHER = 4
"""Ways that are trained at once: more are no quicker, and an interruption costs one group."""

NOISE = 0
"""Its place among the labels."""

TRUTH = "truth"
"""A way beside the paper's: the user's own vectors with their true labels, which nobody has. What can be won at all."""

REAL = "real"
"""Another: the user's own vectors labelled by C2, which would have to leave the device. What the mixture costs."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way of training C1."""

    name: str
    users: tuple[str, ...]
    """Who hears it."""
    vectors: NDArray[np.float32]
    labels: NDArray[np.int64]
    drawn: int = 0
    kept: int = 0


def experiment(recipe: PersonalRecipe, sets: Sets, progress: Progress) -> PersonalResults:
    """Everything that is in the page."""
    torch.set_num_threads(recipe.threads)
    teacher = load_teacher(recipe, sets[recipe.comprehensive.name, "train"], progress)
    users = tuple(user.name for user in recipe.users)
    ways = _ways(recipe, sets, teacher, progress)
    rows = measured(recipe, sets, ways, progress)
    order = {(user, way.name): place for place, way in enumerate(ways) for user in way.users}
    rows.sort(key=lambda row: (users.index(row.user), order[row.user, row.way]))
    return _with_teacher(recipe, sets, teacher, tuple(rows))


def _ways(recipe: PersonalRecipe, sets: Sets, teacher: nn.Module, progress: Progress) -> list[Way]:
    baseline, comprehensive = sets[recipe.baseline.name, "train"], sets[recipe.comprehensive.name, "train"]
    users = tuple(user.name for user in recipe.users)
    ways = [
        Way("comprehensive", users, comprehensive.vectors, comprehensive.labels),
        Way("baseline", users, baseline.vectors, baseline.labels),
    ]
    kinds: list[tuple[Kind, int]] = [("diagonal", order) for order in recipe.orders]
    kinds += [("full", recipe.full_order), ("diagonal", recipe.diagonal_order)]
    kinds += [("cosine", order) for order in recipe.cosine_orders]
    kinds += [("incremental", order) for order in recipe.incremental_orders]
    for user in [one.name for one in recipe.users if one.personalised]:
        heard = sets[user, "aggregation"]
        # One after the other as in a day, not class by class.
        order = np.random.default_rng(recipe.seed).permutation(len(heard.labels))
        own = heard.vectors[order]
        for kind, components in dict.fromkeys(kinds):
            draw = fitted(own.reshape(len(own), -1), kind, components, recipe.seed)
            wanted = len(baseline.labels)
            found = pseudo_labelled(
                draw,
                lambda vectors: probabilities(teacher, vectors),
                (FRAMES, VALUES),
                wanted=wanted,
                certainty=recipe.certainty,
                at_most=round(recipe.draws_at_most * wanted),
                generator=np.random.default_rng([recipe.seed, components]),
            )
            ways.append(_joined(f"{kind} {components}", user, baseline, found.vectors, found.labels, found.drawn))
        progress(f"{user}: fitted {len(dict.fromkeys(kinds))} mixtures and drew from them")
        good, told = certain(probabilities(teacher, own), recipe.certainty)
        ways.append(_joined(REAL, user, baseline, own[good], told[good], 0))
        ways.append(_joined(TRUTH, user, baseline, own, heard.labels[order], 0))
    return ways


def _joined(
    name: str, user: str, baseline: Decisions, vectors: NDArray[np.float32], labels: NDArray[np.int64], drawn: int
) -> Way:
    """The baseline set and as many vectors again: fewer are repeated, so that all ways learn equally long."""
    count, kept = len(baseline.labels), len(labels)
    places = np.arange(count) % max(1, kept)
    added = (vectors[places], labels[places]) if kept else (baseline.vectors, baseline.labels)
    joined = np.concatenate([baseline.vectors, added[0]]), np.concatenate([baseline.labels, added[1]])
    return Way(name, (user,), *joined, drawn=drawn, kept=kept)


def measured(recipe: PersonalRecipe, sets: Sets, ways: list[Way], progress: Progress) -> list[Row]:
    """Every way trained, and heard by its users; what was measured before is taken from the cache."""
    rows: list[Row] = []
    missing: list[tuple[Way, Path]] = []
    for way in ways:
        path = Path(recipe.cache) / f"rows-{_digest(recipe, sets, way)}.json"
        if path.is_file():
            rows += [Row(**_tuples(row)) for row in json.loads(path.read_text())]
        else:
            missing.append((way, path))
    for group in _groups(missing):
        seeds = [recipe.seed * 1_000 + repetition for repetition in range(recipe.repetitions)]
        lessons = [Lesson(way.vectors, way.labels, seed) for way, _ in group for seed in seeds]
        networks = train_many(lessons, recipe.optimiser)
        said = {
            user.name: say_many(networks, sets[user.name, "user"].vectors).reshape(len(group), len(seeds), -1)
            for user in recipe.users
        }
        for place, (way, path) in enumerate(group):
            found = [_row(way, user, said[user][place], sets[user, "user"].labels) for user in way.users]
            path.with_suffix(".part").write_text(json.dumps([asdict(row) for row in found]))
            path.with_suffix(".part").replace(path)
            rows += found
        progress(f"trained {len(lessons)} classifiers: {', '.join(way.name for way, _ in group)}")
    return rows


def _row(way: Way, user: str, told: NDArray[np.int64], labels: NDArray[np.int64]) -> Row:
    """`told`: by every repetition, `(repetitions, n)`."""
    right = told == labels
    accuracy = tuple(float(one) for one in right.mean(axis=1))
    noise = tuple(float(one) for one in right[:, labels == NOISE].mean(axis=1))
    return Row(user, way.name, accuracy, noise, way.drawn, way.kept)


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "accuracy": tuple(row["accuracy"]), "noise": tuple(row["noise"])}


def _digest(recipe: PersonalRecipe, sets: Sets, way: Way) -> str:
    content = hashlib.sha256(way.vectors.tobytes() + way.labels.tobytes())
    for user in way.users:
        content.update(sets[user, "user"].vectors.tobytes())
    told = f"{content.hexdigest()} {way.name} {way.users} {way.drawn} {way.kept}"
    return recipe.key(told, "seed", "repetitions", "optimiser")


def _groups(ways: list[tuple[Way, Path]]) -> list[list[tuple[Way, Path]]]:
    """Ways of equally many vectors, a few at a time."""
    sizes: dict[int, list[tuple[Way, Path]]] = {}
    for one in ways:
        sizes.setdefault(len(one[0].labels), []).append(one)
    return [some[start : start + TOGETHER] for some in sizes.values() for start in range(0, len(some), TOGETHER)]


def _with_teacher(recipe: PersonalRecipe, sets: Sets, teacher: nn.Module, rows: tuple[Row, ...]) -> PersonalResults:
    """The results, and how C2 itself fares."""
    accuracy: dict[str, float] = {}
    noise: dict[str, float] = {}
    agreement: dict[str, float] = {}
    sure: dict[str, float] = {}
    places: list[tuple[str, Part]] = [(recipe.comprehensive.name, "validation")]
    places += [(user.name, "user") for user in recipe.users]
    for name, part in places:
        there = sets[name, part]
        told = probabilities(teacher, there.vectors)
        good, labels = certain(told, recipe.certainty)
        right = labels == there.labels
        accuracy[name], noise[name] = float(right.mean()), float(right[there.labels == NOISE].mean())
        sure[name] = float(good.mean())
        agreement[name] = float(right[good].mean()) if good.any() else 0.0
    decisions = {f"{name} {part}": len(there.labels) for (name, part), there in sets.items()}
    return PersonalResults(rows, accuracy, noise, agreement, sure, decisions, recipe.page)
