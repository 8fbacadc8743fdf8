"""When a recording began, from its file name.

| name | recorder | time |
|---|---|---|
| `20260510_073000.WAV`, `20260510_073000T.WAV`, with a 16-digit device number before | AudioMoth | UTC |
| `6A002C78.WAV` (seconds since 1970 in hexadecimal, capitals) | AudioMoth, old firmware | UTC |
| `PREFIX_20260510_073000.wav`, also with `$` for the second `_`, or `_000` after it | Song Meter, others | local |
| `2026-05-10T07-30-00Z.flac`, `20260510T073000+0200.wav` | any: ISO 8601 | as written |
| `PREFIX_2026-05-10T07:30:00.250-05-00.wav`, a fraction and a prefix | any: ISO 8601 | as written |
| `2026-05-10T07-30-00.wav`, `2026-05-10_07-30-00.wav` | any: ISO 8601 without an offset | local |

Local times need the time zone of the recorder's clock. Where the clock is put back, a time that comes twice is taken as
the first (summer time); where it is put forward, a time that never comes is taken as from a clock that was not (02:30
becomes 03:30). Recorders that stay on winter time all year have a zone such as `Etc/GMT-1`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_AUDIOMOTH = re.compile(r"(?:[0-9A-F]{16}_)?(\d{8})_(\d{6})T?", re.ASCII)
_AUDIOMOTH_HEXADECIMAL = re.compile(r"[0-9A-F]{8}", re.ASCII)
_FIRST_AUDIOMOTH, _LAST_HEXADECIMAL = 0x5800_0000, 0x7FFF_FFFF
"""October 2016 to 2038: what lies outside is a number or a word, not a time."""
_SONG_METER = re.compile(r".*_(\d{8})[_$](\d{6})(?:_\d{3})?", re.ASCII)
_ISO = re.compile(
    r"(?:.*[^0-9])?(?P<year>\d{4})(?P<dash>-?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)[T_ ]"
    r"(?P<hour>\d\d)(?P<colon>[:-]?)(?P<minute>\d\d)(?P=colon)(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?"
    r"(?P<offset>Z|[+-]\d\d(?:[:-]?\d\d)?)?",
    re.ASCII,
)


def start_utc_ns(path: Path | str, timezone: ZoneInfo | None) -> int | None:
    """Nanoseconds since 1970, or None when the name tells no valid time, or a local one and `timezone` is None."""
    stem = Path(path).stem
    if match := _AUDIOMOTH.fullmatch(stem):
        return _compact(match[1] + match[2], UTC)
    if _AUDIOMOTH_HEXADECIMAL.fullmatch(stem):
        seconds = int(stem, 16)
        return seconds * 10**9 if _FIRST_AUDIOMOTH <= seconds <= _LAST_HEXADECIMAL else None
    if match := _SONG_METER.fullmatch(stem):
        return _compact(match[1] + match[2], timezone)
    # A fraction looks like a suffix where the name has none, and an offset may follow it.
    for text in (stem, Path(path).name):
        if match := _ISO.fullmatch(text):
            return _iso(match, timezone)
    return None


def _compact(digits: str, zone: tzinfo | None) -> int | None:
    parts = [int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, 14, 2))]
    return _nanoseconds(parts, zone)


def _iso(match: re.Match[str], zone: tzinfo | None) -> int | None:
    parts = [int(match[name]) for name in ("year", "month", "day", "hour", "minute", "second")]
    if offset := match["offset"]:
        zone = _fixed_zone(offset)
    whole = _nanoseconds(parts, zone)
    return None if whole is None else whole + int((match["fraction"] or "").ljust(9, "0"))


def _fixed_zone(offset: str) -> tzinfo | None:
    if offset == "Z":
        return UTC
    digits = offset[1:].replace(":", "").replace("-", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        return None
    shift = timedelta(hours=hours, minutes=minutes)
    return timezone(-shift if offset[0] == "-" else shift)


def _nanoseconds(parts: list[int], zone: tzinfo | None) -> int | None:
    if zone is None:
        return None
    year, month, day, hour, minute, second = parts
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        since = (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
    return since * 1000 if since >= 0 else None
