"""Readings as JSON Lines: one object a line, keys in a fixed order, the same text for the same reading.

`type`, `source`, `start_s`, `end_s` (seconds from the start of the source), `utc` (ISO 8601 with milliseconds, or null
when unknown), then the reading's own fields by the names and in the order of `core/events.py`. A span among them
(`peak`) is an object of `start_s` and `end_s`; nested values (`branches`) are objects of their fields. Seconds have up
to 6 decimals, which tells two engine samples apart, other fractions up to 4. What is not a finite number is null.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from math import isfinite
from typing import cast

import msgspec

from monitor.core.clock import isoformat, seconds
from monitor.core.events import GateReading, Reading, Spectrum
from monitor.core.text import writable
from monitor.core.types import Span

_SECONDS_DECIMALS = 6
_DECIMALS = 4

_encoder = msgspec.json.Encoder()


def is_written(reading: Reading) -> bool:
    """Whether a reading appears in JSON Lines; gate probabilities and spectrogram columns are for the screen only."""
    return not isinstance(reading, GateReading | Spectrum)


def to_json_line(source: str, reading: Reading, utc_ns: int | None) -> str | None:
    """One line without its end, or None for a reading that is not written."""
    if not is_written(reading):
        return None
    line: dict[str, object] = {
        "type": reading.topic,
        "source": writable(source),
        **_span(reading.span),
        "utc": None if utc_ns is None else isoformat(utc_ns),
    }
    for field in fields(reading):
        if field.name != "span":
            line[field.name] = _plain(getattr(reading, field.name))
    return _encoder.encode(line).decode()


def _plain(value: object) -> object:
    match value:
        case float():
            return round(value, _DECIMALS) + 0.0 if isfinite(value) else None  # + 0.0: no negative zero
        case str():
            return writable(value)
        case Span():
            return _span(value)
        case tuple() | list():
            return [_plain(item) for item in cast("tuple[object, ...]", value)]
        case dict():
            return {str(key): _plain(item) for key, item in cast("dict[object, object]", value).items()}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value


def _span(span: Span) -> dict[str, object]:
    return {
        "start_s": round(seconds(span.start), _SECONDS_DECIMALS),
        "end_s": round(seconds(span.end), _SECONDS_DECIMALS),
    }
