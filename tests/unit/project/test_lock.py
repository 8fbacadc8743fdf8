"""constraints.txt pins everything that pyproject.toml asks for, to versions that it allows, for every platform."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(extra: str | None) -> list[Requirement]:
    listed = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    return [Requirement(line) for line in listed]


def lines() -> list[str]:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def pinned() -> dict[str, list[Version]]:
    """Several versions of one package are possible, for different platforms."""
    versions: dict[str, list[Version]] = {}
    for line in lines():
        pin = Requirement(line)
        (specifier,) = pin.specifier
        assert specifier.operator == "==", line
        versions.setdefault(canonicalize_name(pin.name), []).append(Version(specifier.version))
    return versions


@pytest.mark.parametrize("extra", [None, *PROJECT["optional-dependencies"]])
def test_every_dependency_is_pinned_to_what_is_allowed(extra: str | None) -> None:
    versions = pinned()
    for requirement in requirements(extra):
        found = versions.get(canonicalize_name(requirement.name))
        assert found, f"{requirement} is not in constraints.txt: run `make lock`"
        assert all(version in requirement.specifier for version in found), (str(requirement), found)


def test_the_three_torch_packages_come_from_one_release() -> None:
    versions = pinned()
    assert versions["torch"] == versions["torchaudio"] == [Version("2.11.0")]
    assert versions["torchvision"] == [Version("0.26.0")]


def test_no_line_ties_the_lock_to_one_place() -> None:
    """No index, no local path, no local version such as 2.11.0+cpu."""
    for line in lines():
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*==[0-9][0-9a-z.]*( ; .+)?", line), line


def test_this_python_is_supported() -> None:
    assert {Version(f"3.{minor}") in SpecifierSet(PROJECT["requires-python"]) for minor in (11, 12, 13)} == {True}
    assert Version("3.10") not in SpecifierSet(PROJECT["requires-python"])
