"""Text that can be written anywhere: file names on Linux need not be valid Unicode, what we send and store must be."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

T = TypeVar("T")


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
