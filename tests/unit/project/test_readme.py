"""What README.md and CONTRIBUTING.md tell the reader to type exists, and what exists is told."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from monitor.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
PAGES = ("README.md", "CONTRIBUTING.md")
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def typed_lines(page: str, program: str) -> list[str]:
    """What begins with the program's name in code fences (also after a pipe) and in inline code, without comments."""
    text = (ROOT / page).read_text(encoding="utf-8")
    candidates = [line for fence in FENCE.findall(text) for line in fence.splitlines()]
    candidates += re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    parts = [part.strip() for line in candidates for part in re.split(r"\s#\s|$", line)[0].split(" | ")]
    return sorted({part for part in parts if re.match(rf"{program} [a-z]", part)})


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, by its words."""
    for name, command in group.commands.items():
        if getattr(command, "commands", None):
            yield from commands(command, (*path, name))
        elif not command.hidden:
            yield (*path, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def command_of(line: str) -> tuple[str, ...]:
    """The longest command that the line's words begin with."""
    words = tuple(takewhile(re.compile(r"[a-z]+").fullmatch, line.split()[1:]))
    return max((path for path in COMMANDS if words[: len(path)] == path), key=len, default=words)


@pytest.mark.parametrize("line", [line for page in PAGES for line in typed_lines(page, "auricle")])
def test_a_command_that_is_told_exists_with_its_options(line: str) -> None:
    path = command_of(line)
    done = CliRunner().invoke(app, [*path, "--help"])
    assert done.exit_code == 0, f"{line}: {done.output}"
    if path in COMMANDS:
        known = {option for parameter in COMMANDS[path].params for option in parameter.opts + parameter.secondary_opts}
        told = set(re.findall(r"(?<=\s)--[a-z-]+", line))
        assert told <= known | {"--help"}, line


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_that_exists_is_told(path: tuple[str, ...]) -> None:
    told = {command_of(line) for line in typed_lines("README.md", "auricle")}
    assert path in told, f"README.md does not mention `auricle {' '.join(path)}`"


@pytest.mark.parametrize("path", COMMANDS)
def test_help_of_every_command_has_an_example(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "--help"])
    assert done.exit_code == 0
    assert "Example" in done.output, path


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_that_are_told_exist(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    told = {word for line in typed_lines(page, "make") for word in line.split()[1:] if re.fullmatch(r"[a-z]+", word)}
    assert told
    assert told <= targets
