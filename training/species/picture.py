"""Confusion matrix and map of the embeddings as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from training.species.recipe import SpeciesRecipe

MOST_POINTS = 3_000
"""Of a map."""


def picture_paths(recipe: SpeciesRecipe) -> tuple[Path, Path]:
    """Of the confusion matrix and of the map."""
    folder = Path(recipe.pictures) if recipe.pictures else Path(recipe.cache) / "pictures"
    return folder / f"{recipe.bundle.name}-confusion.svg", folder / f"{recipe.bundle.name}-map.svg"


def draw_confusion(table: NDArray[np.int64], labels: tuple[str, ...], title: str, path: Path) -> Path:
    """Rows are the right classes, columns the answers; shares of a row, with the numbers of clips; its path.

    Fig. 1 of the primate paper.
    """
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    names = [_short(label) for label in labels]
    side = max(5.0, 2.5 + 0.4 * len(names))
    figure = _figure(side, side)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("answer")
    axes.set_ylabel("right class")
    for row, column in np.argwhere(table > 0):
        colour = "white" if shares[row, column] > 0.6 else "black"
        axes.text(column, row, str(table[row, column]), ha="center", va="center", color=colour, fontsize=8)
    axes.set_title(title)
    return _saved(figure, path)


def draw_map(
    embeddings: NDArray[np.float32], classes: NDArray[np.int64], labels: tuple[str, ...], path: Path, seed: int
) -> Path | None:
    """t-SNE of the embeddings `(n, d)` in two dimensions, coloured by class; its path. None with fewer than five.

    Fig. 2 of the primate paper.
    """
    from sklearn.manifold import TSNE

    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.permutation(len(embeddings))[:MOST_POINTS])
    if len(chosen) < 5:
        return None
    # A neighbourhood of the usual size, smaller where there are few points.
    perplexity = min(30.0, (len(chosen) - 1) / 3)
    places = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(embeddings[chosen])
    figure = _figure(8.0, 6.0)
    axes = figure.add_subplot()
    for i, label in enumerate(labels):
        rows = classes[chosen] == i
        if rows.any():
            marker = "os^Dv"[i // 10 % 5]
            axes.scatter(*places[rows].T, s=14, marker=marker, color=f"C{i % 10}", label=_short(label))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return _saved(figure, path)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure


def _saved(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a date, the same figures give the same file.
    figure.savefig(path, format="svg", metadata={"Date": None})
    return path


def _short(label: str) -> str:
    """The common name of `Scientific name_Common name`."""
    return label.rsplit("_", 1)[-1]
