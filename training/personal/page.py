"""`docs/personalisation.md`: what leaves the device, how it is used, and what the experiments found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import StoreError
from training.export import recipe_name
from training.personal.fits import numbers
from training.personal.page_text import HOW, INTRODUCTION, LEAVES
from training.personal.plots import draw_plots, spread

if TYPE_CHECKING:
    from training.personal.recipe import PersonalRecipe
    from training.personal.results import PersonalResults, Row

DIMENSION = 45


def write_page(recipe: PersonalRecipe, recipe_path: Path, results: PersonalResults) -> Path:
    """Write the page and its pictures; its path. Raises StoreError when that cannot be done."""
    pictures = draw_plots(recipe, results)
    parts = [
        INTRODUCTION,
        LEAVES,
        HOW,
        _protocol(recipe, recipe_path, results),
        _near(recipe, results, pictures[0].name),
        _far(recipe, results, pictures[1].name),
        _mixtures(recipe, results),
        _bounds(recipe, results),
    ]
    path = Path(recipe.page)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(str(path), f"cannot be written: {error.strerror}", "Set `page` to another path") from error
    return path


def gain(results: PersonalResults, user: str, way: str) -> float:
    """Points by which the median accuracy of a way lies above the baseline's."""
    return 100 * (results.row(user, way).median - results.row(user, "baseline").median)


def noise_gain(results: PersonalResults, user: str, way: str) -> float:
    """The same of the recall of noise."""
    return 100 * (results.row(user, way).noise_median - results.row(user, "baseline").noise_median)


def _far_users(recipe: PersonalRecipe) -> list[str]:
    return [user.name for user in recipe.users if user.personalised]


def _protocol(recipe: PersonalRecipe, recipe_path: Path, results: PersonalResults) -> str:
    users = "\n".join(
        f"| {one.name} | {', '.join(one.noise) or 'all'} | {', '.join(one.music) or 'all'} |"
        for one in (recipe.comprehensive, recipe.baseline, *recipe.users)
    )
    teacher, decisions = recipe.teacher, results.decisions
    first, known = _far_users(recipe)[0], _percent(results.teacher[recipe.comprehensive.name])
    return f"""## What the experiments are

`auricle-train run {recipe_name(recipe_path)}` makes everything below, this page and the pictures, in some ten
minutes of one core once the recordings are decoded; `auricle-train export` writes the page alone.

Recordings are divided within each kind of noise, package of music and among the speakers: 50 % train, 10 % validate,
40 % evaluate; the last part is what users live among, half of it for the mixture ({decisions[first + " aggregation"]}
decisions of ten seconds a user, no label used), half for the figures ({decisions[first + " user"]}). No recording is in
two parts, and no two users have the same voices. Music is divided by track, so that C2 has heard other tracks of a
user's packages, as in the paper; the users' own kinds of music are not in the baseline set where the table says so. All
classes are equally frequent, speech has noise {recipe.clean_db[0]:g} to {recipe.clean_db[1]:g} dB below it, speech plus
noise {recipe.noisy_db[0]:g} to {recipe.noisy_db[1]:g} dB; levels are {recipe.level_dbfs[0]:g} to
{recipe.level_dbfs[1]:g} dBFS.

C1 (544 numbers): Adam, {recipe.optimiser.epochs} epochs, learning rate {recipe.optimiser.learning_rate:g}, dropout
{recipe.optimiser.dropout:g}, batch {recipe.optimiser.batch}, {recipe.repetitions} repetitions with other starts,
weights of the last step. C2: {_teacher_words(recipe)}, {teacher.epochs} epochs with mixup, on the
{decisions[recipe.comprehensive.name + " train"]} decisions of the comprehensive training set; {known} % right on its
validation part. The baseline set has {decisions[recipe.baseline.name + " train"]} decisions, and as many vectors are
drawn, labelled and kept (at least {recipe.certainty:.0%} certain, cap {recipe.draws_at_most:g} draws a vector).
Nothing was chosen on the users' figures.

| set | noise | music |
|---|---|---|
{users}"""


def _teacher_words(recipe: PersonalRecipe) -> str:
    teacher = recipe.teacher
    if teacher.kind == "mobilenet":
        start = "ImageNet weights" if teacher.weights else "a random start"
        return f"the paper's network with a square of {teacher.side} (the paper: 224), from {start}"
    return (
        f"not the paper's MobileNetV2, which takes a graphics card, but the mean of {teacher.copies} perceptrons with "
        f"two hidden layers of {teacher.width}"
    )


def _near(recipe: PersonalRecipe, results: PersonalResults, picture: str) -> str:
    names = [user.name for user in recipe.users]
    rows = "\n".join(
        f"| {user} | {spread(results.row(user, 'comprehensive'))} | {spread(results.row(user, 'baseline'))} | "
        f"{_points(gain(results, user, 'baseline') - gain(results, user, 'comprehensive'))} | "
        f"{_percent(results.teacher[user])} |"
        for user in names
    )
    return f"""## A small classifier for everything, or for homes (Fig. 3)

| user | C1, comprehensive set | C1, baseline set | difference | C2 |
|---|---|---|---|---|
{rows}

Accuracy, per cent: median (all {recipe.repetitions} repetitions).

![Accuracy and recall of noise for the first two users]({picture})"""


def _far(recipe: PersonalRecipe, results: PersonalResults, picture: str) -> str:
    users = _far_users(recipe)
    ways = ["baseline", *(f"diagonal {order}" for order in recipe.orders)]
    head = " | ".join(f"{user} | noise" for user in users)
    rows = "\n".join(
        f"| {'baseline' if way == 'baseline' else 'N = ' + way.split()[1]} | "
        + " | ".join(
            f"{spread(results.row(user, way))} | {100 * results.row(user, way).noise_median:.1f}" for user in users
        )
        + " |"
        for way in ways
    )
    line = "|---" * (1 + 2 * len(users)) + "|"
    return f"""## Made personal (Fig. 4)

Diagonal mixtures, batch expectation-maximisation. Accuracy: median (all repetitions); recall of noise: median.

| | {head} |
{line}
{rows}
| C2 | {" | ".join(f"{_percent(results.teacher[user])} | {_percent(results.teacher_noise[user])}" for user in users)} |

![Box plots of the users far from the baseline set, by components of the mixture]({picture})

{_found(recipe, results)}"""


def _found(recipe: PersonalRecipe, results: PersonalResults) -> str:
    """In words, from the figures."""
    large = [order for order in recipe.orders if order >= 16] or [max(recipe.orders)]
    told: list[str] = []
    for user in _far_users(recipe):
        gains = [gain(results, user, f"diagonal {order}") for order in large]
        noise = [noise_gain(results, user, f"diagonal {order}") for order in large]
        told.append(
            f"For {user} mixtures of {large[0]} components and more change the accuracy by {_range(gains)} points and "
            f"the recall of noise by {_range(noise)}."
        )
    reached = [
        user for user in _far_users(recipe) if max(gain(results, user, f"diagonal {order}") for order in large) > 10.0
    ]
    paper = "The paper finds more than ten points of accuracy from 16 components on"
    if len(reached) == len(_far_users(recipe)):
        told.append(f"{paper}; so it is here.")
    elif reached:
        told.append(f"{paper}; here that is so for {', '.join(reached)} only.")
    else:
        told.append(f"{paper}; **here it is less.**")
    best = f"incremental {max(recipe.incremental_orders)}"
    gains = ", ".join(f"{_points(gain(results, user, best))} for {user}" for user in _far_users(recipe))
    told.append(f"With what the monitor does (below, {best}) it is {gains}.")
    return " ".join(told)


def _mixtures(recipe: PersonalRecipe, results: PersonalResults) -> str:
    users = _far_users(recipe)
    full, diagonal = f"full {recipe.full_order}", f"diagonal {recipe.diagonal_order}"
    cosine = [f"cosine {order}" for order in recipe.cosine_orders]
    ways = [full, diagonal, *cosine, *(f"incremental {order}" for order in recipe.incremental_orders)]
    rows = "\n".join(
        f"| {way} | {_numbers(way)} | " + " | ".join(spread(results.row(user, way)) for user in users) + " |"
        for way in ways
    )
    return f"""## Full against diagonal, batch against incremental

`full` and `diagonal` are fitted to the values, as in the paper. `cosine` is diagonal too, after a rotation: cosines
over the five vectors and over the nine values, so that the level, which moves all of them together, is one value.
`incremental` is what the monitor does: in that basis, one vector at a time, none kept, components of few vectors
merged. The basis was tried after the rows of the paper's mixtures had been seen, on the same decisions; no other one
was tried.

| mixture | numbers | {" | ".join(users)} |
|{"---|" * (2 + len(users))}
{rows}"""


def _bounds(recipe: PersonalRecipe, results: PersonalResults) -> str:
    users = _far_users(recipe)
    largest = f"diagonal {max(recipe.orders)}"
    kept = [results.row(user, largest) for user in users]
    lines = [
        ("C1, baseline and the user's own vectors with their true labels", "truth"),
        ("C1, baseline and the user's own vectors, labelled by C2 where it is certain", "real"),
    ]
    rows = "\n".join(
        f"| {name} | " + " | ".join(spread(results.row(user, way)) for user in users) + " |" for name, way in lines
    )
    shares = " | ".join(_share(row) for row in kept)
    certain = " | ".join(f"{_percent(results.certain[user])} / {_percent(results.agreement[user])}" for user in users)
    return f"""## What is lost where

Ways that would need what must not leave the device, for comparison: what there is to win with true labels, and with
C2's labels of real vectors.

| | {" | ".join(users)} |
|{"---|" * (1 + len(users))}
{rows}
| draws of the largest mixture that C2 is certain of | {shares} |
| the user's own decisions that C2 is certain of / of these, right | {certain} |"""


def _numbers(way: str) -> int:
    kind, order = way.split()
    return numbers("full" if kind == "full" else "diagonal", int(order), DIMENSION)


def _share(row: Row) -> str:
    return f"{100 * row.kept / row.drawn:.0f} %" if row.drawn else "-"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _points(value: float) -> str:
    return f"{value:+.1f}"


def _range(values: list[float]) -> str:
    return _points(values[0]) if len(values) == 1 else f"{_points(min(values))} to {_points(max(values))}"
