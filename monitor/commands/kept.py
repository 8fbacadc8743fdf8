"""What `species` and `machine` do in the same way with what is enrolled: list it, forget it, write it to a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from monitor.commands import console
from monitor.errors import AuricleError, UsageError, raise_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.kept.things import KeptThings


def print_rows(
    store: KeptThings[Any],
    rows: Sequence[dict[str, object]],
    print_table: Callable[[Sequence[dict[str, object]]], None],
    nothing: str,
    *,
    as_json: bool,
) -> int:
    """Print a table, or `nothing` where it is empty; 1 when a file is damaged."""
    if as_json:
        console.print_line(json.dumps(rows, ensure_ascii=False))
    elif rows:
        print_table(rows)
    else:
        console.messages.print(nothing, markup=False)
    return _print_faults(store)


def remove(store: KeptThings[Any], names: Sequence[str]) -> int:
    """Forget what has these names, all or none. Raises UsageError for each that is not there."""
    errors: list[AuricleError] = []
    for name in names:
        try:
            if not store.has(name):
                store.get(name)
        except UsageError as error:
            errors.append(error)
    raise_all(errors)
    for name in dict.fromkeys(names):
        store.remove(name)
        console.print_line(f"{name}: forgotten")
    return 0


def export(store: KeptThings[Any], file: Path, names: Sequence[str], *, replace: bool) -> int:
    """Write what has these names (none: all) with its audio to one file; 1 when something damaged was left out."""
    told = store.export_to(file, names or None, replace=replace)
    console.print_line(f"{file}: {', '.join(told)}")
    damaged = _print_faults(store)
    return 0 if names else damaged


def _print_faults(store: KeptThings[Any]) -> int:
    for fault in store.faults:
        console.print_error(fault)
    return 1 if store.faults else 0
