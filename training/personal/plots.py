"""Box plots of the repetitions, as in Figures 3 and 4 of the paper: whiskers over all of them, C2 as a dashed line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from training.personal.recipe import PersonalRecipe
    from training.personal.results import PersonalResults, Row


def draw_plots(recipe: PersonalRecipe, results: PersonalResults) -> tuple[Path, Path]:
    """Figures 3 and 4 beside the page; their paths. Raises StoreError when they cannot be written."""
    page = Path(recipe.page)
    baseline, orders = page.with_name(f"{page.stem}-baseline.svg"), page.with_name(f"{page.stem}-orders.svg")
    far = [user.name for user in recipe.users if user.personalised]
    near = [user.name for user in recipe.users if not user.personalised] or far
    ways = ["comprehensive", "baseline"]
    _draw(baseline, results, near, [(way, way[:4] + "." if way == "comprehensive" else "B.") for way in ways])
    diagonal = [(f"diagonal {order}", str(order)) for order in recipe.orders]
    _draw(orders, results, far, [("baseline", "B."), *diagonal])
    return baseline, orders


def _draw(path: Path, results: PersonalResults, users: Sequence[str], ways: Sequence[tuple[str, str]]) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # The same picture for the same results, byte for byte.
    with mpl.rc_context({"svg.hashsalt": "auricle", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure = Figure(figsize=(4.0 * len(users) if len(ways) > 2 else 2.6 * len(users), 6.0), layout="constrained")
        grid = figure.subplots(2, len(users), squeeze=False, sharey="row", sharex="col")
        for column, user in enumerate(users):
            rows = [results.row(user, way) for way, _ in ways]
            names = [name for _, name in ways]
            _boxes(grid[0][column], [row.accuracy for row in rows], names, results.teacher[user])
            _boxes(grid[1][column], [row.noise for row in rows], names, results.teacher_noise[user])
            grid[0][column].set_title(user)
            grid[1][column].set_xlabel("training" if len(ways) == 2 else "components of the mixture")
        grid[0][0].set_ylabel("accuracy, %")
        grid[1][0].set_ylabel("recall of noise, %")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, format="svg", metadata={"Date": None})
        except OSError as error:
            raise StoreError(str(path), f"cannot be written: {error.strerror}", "Set `page` to another path") from error


def _boxes(axes: Axes, values: Sequence[Sequence[float]], names: Sequence[str], teacher: float) -> None:
    axes.boxplot([[100 * one for one in some] for some in values], whis=(0, 100), widths=0.6)
    axes.set_xticks(range(1, len(names) + 1), names)
    axes.axhline(100 * teacher, color="tab:blue", linestyle="--", linewidth=1)
    axes.grid(axis="y", alpha=0.3)


def spread(row: Row) -> str:
    """Median, and all of them, per cent."""
    low, high = 100 * min(row.accuracy), 100 * max(row.accuracy)
    return f"{100 * row.median:.1f} ({low:.1f}-{high:.1f})"
