"""Hypothesis strategies for every kind of reading, made from the types themselves: a new type needs nothing here."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from hypothesis import strategies as st

from monitor.core import events
from monitor.core.events import READING_TYPES, Reading
from monitor.core.types import Span

UNIT_FIELDS = {
    "probability",
    "score",
    "percentile",
    "alarm_percentile",
    "domain_probability",
    "median",
    "upper",
    "alarmed",
    "heard",
    "margin",
    "threshold",
    "voice",
}
"""Fields that must lie within 0..1."""

_NAMES = {**vars(events), "Float32Array": np.ndarray}

spans = st.tuples(st.integers(0, 2**62), st.integers(0, 2**62)).map(lambda pair: Span(min(pair), max(pair)))
arrays = st.lists(st.floats(-90, 0, width=32), max_size=80).map(lambda values: np.array(values, np.float32))


def readings_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any value of a dataclass of `core.events`."""
    hints = get_type_hints(kind, localns=_NAMES)
    return st.builds(kind, **{field.name: _values(field.name, hints[field.name]) for field in fields(kind)})


def readings(logged: bool | None = None) -> st.SearchStrategy[Reading]:
    """Any reading; only logged ones, or only live ones, when asked for."""
    kinds = [kind for kind in READING_TYPES if logged is None or kind.logged == logged]
    return st.one_of([readings_of(kind) for kind in kinds])


def same(one: Reading, other: Reading) -> bool:
    """Equality that looks into arrays."""
    if type(one) is not type(other):
        return False
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)]
    return all((a.dtype == b.dtype and np.array_equal(a, b)) if isinstance(a, np.ndarray) else a == b for a, b in pairs)


def _values(name: str, hint: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return st.one_of([_values(name, part) for part in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(_values(name, arguments[0]), max_size=4).map(tuple)
    if origin is dict:
        return st.dictionaries(_values("", arguments[0]), _values("probability", arguments[1]), max_size=4)
    if hint is type(None):
        return st.none()
    if hint is Span:
        return spans
    if hint is np.ndarray:
        return arrays
    if is_dataclass(hint):
        return readings_of(hint)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    plain: dict[type, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(0, 2**62),
        float: st.floats(0, 1) if name in UNIT_FIELDS else st.floats(allow_nan=False, allow_infinity=False),
        str: st.text(max_size=40),
    }
    return plain[hint]
