"""The characters that pictures are made of, for terminals with and without Unicode."""

from __future__ import annotations

import locale
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of characters."""

    halves: bool
    """Whether a cell can hold two colours, one above the other."""
    heights: str
    """Bars of growing height; the first is the lowest, for zero."""
    bar: str
    """A cell of the level meter."""
    half_bar: str
    """Half of one; empty where there is none."""
    track: str
    """Where the bar is not."""
    peak: str
    """The largest sample, on the track."""
    threshold: str
    """The line that a probability must pass."""
    lost: str
    """Audio that was lost."""
    mark: str
    """On the time axis: something was lost here."""
    tick: str
    """On the time axis."""
    shades: str
    """Growing darkness, where a cell holds one level only."""


UNICODE = Glyphs(True, "▁▂▃▄▅▆▇█", "━", "╸", "─", "│", "┈", "░", "×", "╵", " ░▒▓█")
PLAIN = Glyphs(False, "_.-=+*##", "=", "", "-", "|", "-", "/", "x", "'", " .:-=+*#%@")


def for_terminal() -> Glyphs:
    """What the terminal can show; Textual writes to standard error."""
    encoding = (getattr(sys.__stderr__, "encoding", None) or locale.getpreferredencoding(do_setlocale=False)).lower()
    return UNICODE if encoding.replace("-", "").startswith("utf") else PLAIN
