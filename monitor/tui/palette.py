"""Colours: the screen's theme, and the ramp that levels are drawn with."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color, Gradient
from textual.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Mapping

STEPS = 32
"""Colours of the ramp: fine enough to look smooth, few enough that neighbours often share one."""

THEME = Theme(
    name="auricle",
    primary="#4fc3ac",
    secondary="#4fc3ac",
    accent="#4fc3ac",
    success="#4fc3ac",
    warning="#d9c48f",
    error="#ff5d55",
    foreground="#cfd8dc",
    background="#0b1014",
    surface="#0b1014",
    panel="#141c22",
    dark=True,
    variables={
        "footer-background": "#0b1014",
        "footer-key-foreground": "#4fc3ac",
        "footer-description-foreground": "#8a979e",
        "block-cursor-text-style": "none",
        "border": "#4fc3ac",
        "border-blurred": "#2a363d",
        "scrollbar": "#2a363d",
        "scrollbar-background": "#0b1014",
    },
)
"""Dark, one accent colour, red only for what needs a person."""


class Ramp:
    """`STEPS` colours from nothing to loud, and the styles of cells that hold two of them."""

    def __init__(self, colours: tuple[Color, ...]) -> None:
        self._colours = [RichColor.from_rgb(*colour.rgb) for colour in colours]
        self._styles: dict[int, Style] = {}

    def style(self, above: int, below: int) -> Style:
        """Style of a cell whose character is drawn in colour `above` on colour `below`, each 0..STEPS-1."""
        key = above * STEPS + below
        found = self._styles.get(key)
        if found is None:
            found = self._styles[key] = Style(color=self._colours[above], bgcolor=self._colours[below])
        return found


def ramp(variables: Mapping[str, str]) -> Ramp:
    """The ramp that suits a theme, from its background through its accent to almost its foreground."""
    light = "white" in variables.get("ansi-background", "")
    background = _plain(variables, "background", "#ffffff" if light else "#000000")
    return _ramp(background, _plain(variables, "accent", "#4fc3ac"), _plain(variables, "foreground", "#ffffff"))


@lru_cache(maxsize=8)
def _ramp(background: str, accent: str, foreground: str) -> Ramp:
    quiet, loud = Color.parse(background), Color.parse(accent)
    light = quiet.brightness > 0.5
    loudest = Color.parse("#000000") if light else Color.parse(foreground).blend(Color.parse("#fff6d0"), 0.6)
    gradient = Gradient(
        (0.0, quiet),
        (0.30, quiet.blend(loud, 0.22)),
        (0.55, quiet.blend(loud, 0.60)),
        (0.78, loud),
        (1.0, loudest),
        quality=4 * STEPS,
    )
    return Ramp(tuple(gradient.get_color(step / (STEPS - 1)) for step in range(STEPS)))


def _plain(variables: Mapping[str, str], name: str, otherwise: str) -> str:
    """A theme's colour; those of the terminal's own sixteen have no value that could be blended."""
    found = variables.get(name, "")
    return found if found and not found.startswith("ansi") and found != "transparent" else otherwise
