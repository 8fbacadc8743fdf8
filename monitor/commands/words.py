"""Options that take several words, as in `--background a.wav b.wav`, which the shell makes of a pattern."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


def several(names: frozenset[str]) -> type[TyperCommand]:
    """A command whose options of these names take all words up to the next option."""

    class SeveralWords(TyperCommand):
        # Releases of typer differ in whose class the context is.
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            return super().parse_args(ctx, repeat_options(args, names))

    return SeveralWords


def repeat_options(words: list[str], names: frozenset[str]) -> list[str]:
    """`--x a b` -> `--x a --x b`, for the options named; `--` ends them, as it ends all options."""
    told: list[str] = []
    option: str | None = None
    for position, word in enumerate(words):
        if word == "--":
            return told + words[position:]
        if word in names:
            option = word
            # One without any word after it is left for the parser to complain about.
            if position + 1 == len(words) or words[position + 1].startswith("--"):
                told.append(word)
        elif word.startswith("-") and word != "-":
            option = None
            told.append(word)
        elif option is not None:
            told += [option, word]
        else:
            told.append(word)
    return told
