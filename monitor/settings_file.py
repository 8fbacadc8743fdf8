"""Settings written as TOML, with what each means taken from where it is defined."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel

if TYPE_CHECKING:
    from monitor.settings import Section, Settings


def as_toml(settings: Settings, *, commented: bool = False) -> str:
    """The file that would give these settings; `commented` adds each key's meaning and switches every line off."""
    lines: list[str] = []
    for name in type(settings).model_fields:
        section: Section = getattr(settings, name)
        lines += [f"[{name}]", *_section(section, commented=commented), ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(section: Section, *, commented: bool) -> list[str]:
    meanings = _meanings(type(section)) if commented else {}
    lines: list[str] = []
    for key in type(section).model_fields:
        value = _value(getattr(section, key))
        if key in meanings:
            lines += [f"# {meanings[key]}"]
        lines.append(f"# {key} =" if value is None else f"{'# ' if commented else ''}{key} = {value}")
    return lines


def _value(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, BaseModel):
        parts = {key: _value(getattr(value, key)) for key in type(value).model_fields}
        return "{" + ", ".join(f"{key} = {part}" for key, part in parts.items() if part is not None) + "}"
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)} = {_value(item)}" for key, item in pairs) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(str(_value(item)) for item in cast("tuple[object, ...]", value)) + "]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def _meanings(section: type[Section]) -> dict[str, str]:
    """The line under each field, so that the file and the code cannot tell two stories."""
    body = ast.parse(inspect.getsource(section)).body[0]
    found: dict[str, str] = {}
    name = ""
    for statement in body.body if isinstance(body, ast.ClassDef) else []:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and name:
            found[name] = inspect.cleandoc(str(statement.value.value)).replace("\n", " ")
            name = ""
    return found
