"""Text that can be written anywhere, for file names on Linux need not be valid Unicode; and counts in words."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

T = TypeVar("T")


def counted(count: float, what: str) -> str:
    """`1 clip`, `3 clips`, `0.5 clips`: for words whose plural takes an s."""
    told = f"{count:g}" if isinstance(count, float) else f"{count}"
    return f"{told} {what}" if count == 1 else f"{told} {what}s"


def writable(value: T) -> T:
    """The same value with undecodable bytes of file names spelt out (`\\udcff`), in strings, tuples and dataclasses."""
    if isinstance(value, str):
        return cast("T", value.encode(errors="backslashreplace").decode())
    if isinstance(value, tuple):
        return cast("T", tuple(writable(item) for item in cast("tuple[object, ...]", value)))
    if is_dataclass(value) and not isinstance(value, type):
        changed: dict[str, Any] = {}
        for field in fields(value):
            before = getattr(value, field.name)
            after = writable(before)
            if after != before if isinstance(before, str) else after is not before:
                changed[field.name] = after
        return replace(value, **changed) if changed else value
    return value
