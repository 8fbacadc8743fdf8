"""The confusion matrix as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from training.scene.results import SceneResults


def draw_confusion(results: SceneResults, path: Path, seconds: float) -> Path:
    """Rows are the right scenes, columns the answers; shares of a row, with the numbers of decisions; its path."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    table = np.array(results.confusion)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    names = [name.replace("_", " ") for name in results.labels[: len(table)]]
    figure = Figure(figsize=(7.0, 6.0), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("answer")
    axes.set_ylabel("right scene")
    for row, column in np.ndindex(*table.shape):
        colour = "white" if shares[row, column] > 0.6 else "black"
        axes.text(column, row, str(table[row, column]), ha="center", va="center", color=colour)
    axes.set_title(f"Decisions of {seconds:g} s on recordings that were never heard, int8")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a date, the same figures give the same file.
    figure.savefig(path, format="svg", metadata={"Date": None})
    return path
