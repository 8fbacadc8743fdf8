"""When a recording began, from its name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.audio.start_time import start_utc_ns

BERLIN = ZoneInfo("Europe/Berlin")
ADELAIDE = ZoneInfo("Australia/Adelaide")
MORNING = datetime(2026, 5, 10, 7, 30, tzinfo=UTC)
DAYS = st.dates(date(1970, 1, 1), date(2199, 12, 31))
MOMENTS = st.builds(datetime.combine, DAYS, st.times().map(lambda time: time.replace(microsecond=0)))


def ns(moment):
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


@pytest.mark.parametrize(
    "name",
    [
        "20260510_073000.WAV",
        "20260510_073000T.WAV",
        "247AA5015F5A2C3B_20260510_073000.WAV",
        "/some/where/20260510_073000.flac",
        "6A0033F8.WAV",
        "2026-05-10T07-30-00Z.flac",
        "2026-05-10T07:30:00Z.flac",
        "20260510T073000Z.wav",
        "20260510T093000+0200.wav",
        "20260510T093000+02.wav",
        "2026-05-10T02-30-00-05-00.wav",
        "2026-05-10T17:00:00+09:30.opus",
        "garden_2026-05-10T07-30-00Z.wav",
        "garden-3 2026-05-10 07-30-00Z.wav",
    ],
)
def test_names_that_tell_utc_need_no_zone(name):
    assert start_utc_ns(name, None) == ns(MORNING)
    assert start_utc_ns(Path(name), BERLIN) == ns(MORNING)


@pytest.mark.parametrize(
    "name",
    [
        "SMA01234_20260510_093000.wav",
        "MY_SITE-2_20260510_093000.wav",
        "SM304290_0+1_20260510$093000.wav",
        "SMU00123_20260510_093000_000.wav",
        "_20260510_093000.wav",
        "2026-05-10T09-30-00.wav",
        "2026-05-10_09-30-00.wav",
        "20260510T093000.wav",
        "garden 2026-05-10 09:30:00.wav",
    ],
)
def test_names_that_tell_local_time_need_a_zone(name):
    assert start_utc_ns(name, None) is None
    assert start_utc_ns(name, BERLIN) == ns(MORNING)


@pytest.mark.parametrize(
    "name",
    [
        "recording.wav",
        "-",
        "",
        "00001.opus",
        "20260510.wav",
        "DEADBEEF.WAV",
        "5e123456.wav",
        "20261310_073000.WAV",
        "20260230_073000.WAV",
        "20260510_246000.WAV",
        "20260510_073060.WAV",
        "SMA_20260431_073000.wav",
        "19691231_235959.WAV",
        "00000101_000000.WAV",
        "2026-05-10T07-30-00+24-00.wav",
        "2026-05-10T07-30-00+01-60.wav",
        "2026-05-1007-30-00Z.wav",
        "12026-05-10T07-30-00Z.wav",
        "20260510_073000x.WAV",
        "٢٠٢٦٠٥١٠_٠٧٣٠٠٠.WAV",
    ],
)
def test_names_that_tell_nothing_or_nonsense(name):
    assert start_utc_ns(name, BERLIN) is None


def test_fractions_of_a_second():
    assert start_utc_ns("2026-05-10T07-30-00.250Z.wav", None) == ns(MORNING) + 250_000_000
    assert start_utc_ns("2026-05-10T07-30-00,5+00:00.wav", None) == ns(MORNING) + 500_000_000


@given(MOMENTS)
@settings(deadline=None)
def test_audiomoth_round_trip(moment):
    assert start_utc_ns(f"{moment:%Y%m%d_%H%M%S}.WAV", None) == ns(moment.replace(tzinfo=UTC))


@given(st.integers(0x5800_0000, 0x7FFF_FFFF))
@settings(deadline=None)
def test_old_audiomoth_round_trip(seconds):
    assert start_utc_ns(f"{seconds:08X}.WAV", None) == seconds * 10**9


@given(MOMENTS, st.sampled_from([BERLIN, ADELAIDE, ZoneInfo("America/St_Johns"), ZoneInfo("UTC")]))
@settings(deadline=None)
def test_local_times_round_trip_but_in_the_hour_that_never_comes(moment, zone):
    got = start_utc_ns(f"SITE_{moment:%Y%m%d_%H%M%S}.wav", zone)
    before_1970 = moment.replace(tzinfo=zone).astimezone(UTC) < datetime(1970, 1, 1, tzinfo=UTC)
    if before_1970:
        assert got is None
        return
    back = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=got // 1000)).astimezone(zone)
    if back.replace(tzinfo=None, fold=0) != moment:
        shift = back.replace(tzinfo=None, fold=0) - moment
        assert timedelta(0) < shift <= timedelta(hours=2)


@given(MOMENTS, st.integers(-23 * 60 - 59, 23 * 60 + 59), st.booleans(), st.sampled_from(["", ":", "-"]))
@settings(deadline=None)
def test_iso_round_trip(moment, minutes, dashes, between):
    sign = "-" if minutes < 0 else "+"
    offset = f"{sign}{abs(minutes) // 60:02d}{between}{abs(minutes) % 60:02d}"
    text = f"{moment:%Y-%m-%dT%H-%M-%S}" if dashes else f"{moment:%Y%m%dT%H%M%S}"
    expected = ns(moment.replace(tzinfo=timezone(timedelta(minutes=minutes))))
    assert start_utc_ns(f"{text}{offset}.wav", BERLIN) == (expected if expected >= 0 else None)


@given(st.text(max_size=40))
@settings(deadline=None)
def test_any_name_is_answered(name):
    found = start_utc_ns(name, BERLIN)
    assert found is None or found >= 0


def test_a_time_that_comes_twice_is_the_first_and_one_that_never_comes_is_an_hour_on():
    twice = start_utc_ns("S_20261025_023000.wav", BERLIN)
    assert twice == ns(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    never = start_utc_ns("S_20260329_023000.wav", BERLIN)
    assert never == ns(datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
    assert never == start_utc_ns("S_20260329_033000.wav", BERLIN)
