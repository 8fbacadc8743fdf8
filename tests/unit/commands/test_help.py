"""What every command says of itself, at the width of a usual terminal."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from monitor.cli import app
from tests.unit.project.test_readme import COMMANDS


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_help_of_a_command_can_be_read_at_80_columns(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
    assert done.exit_code == 0
    (usage,) = re.findall(r"^ *Usage: .*$", done.output, re.MULTILINE)
    # The brackets and dots are the library's: what we name an argument has none, or they come twice.
    assert "..}" not in usage
    assert "[[" not in usage
    for word in re.findall(r"(?<=\{)[^}]+(?=\})|(?<=\[)[^\]]+(?=\])", usage):
        assert word.isupper(), usage
    assert "…" not in done.output
    texts = [re.search(r"--help +<bool> +", line) for line in done.output.splitlines()]
    (begins,) = [found.end() for found in texts if found]
    assert begins <= 54, "the words of the options are squeezed into a narrow column"
