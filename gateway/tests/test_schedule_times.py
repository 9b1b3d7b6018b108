"""When schedules come: expressions, zones, and what is due after a gateway was away."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from edgemesh.compute.v1 import schedule_pb2

from edgemesh_gateway.schedules import times
from edgemesh_gateway.schedules.times import Due

SKIP, ONCE = schedule_pb2.MISSED_FIRINGS_SKIP, schedule_pb2.MISSED_FIRINGS_ONCE
BERLIN = "Europe/Berlin"
MINUTE, HOUR = 60_000, 3_600_000


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def shown(ms: int | None) -> str:
    assert ms is not None
    return datetime.fromtimestamp(ms / 1e3, UTC).strftime("%m-%d %H:%M")


def comes(cron: str, zone: str, from_ms: int, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        following = times.after(cron, zone, from_ms)
        assert following is not None
        from_ms = following
        found.append(shown(from_ms))
    return found


@pytest.mark.parametrize(
    ("cron", "zone", "expected"),
    [
        ("*/20 * * * *", "UTC", ["01-01 00:20", "01-01 00:40", "01-01 01:00"]),
        ("0 3 * * *", BERLIN, ["01-01 02:00", "01-02 02:00", "01-03 02:00"]),
        ("0 0 L * *", "UTC", ["01-31 00:00", "02-28 00:00", "03-31 00:00"]),
        ("0 9 * * MON#1", "UTC", ["01-05 09:00", "02-02 09:00", "03-02 09:00"]),
        ("30 5 1 * MON", "UTC", ["01-01 05:30", "01-05 05:30", "01-12 05:30"]),
        ("45 23 * * *", "Asia/Kathmandu", ["01-01 18:00", "01-02 18:00", "01-03 18:00"]),
    ],
)
def test_what_comes_next(cron: str, zone: str, expected: list[str]) -> None:
    assert comes(cron, zone, at("2026-01-01T00:00"), 3) == expected


def test_a_time_that_is_left_out_comes_after_it_and_one_that_is_twice_comes_once() -> None:
    # 02:30 is not there on 29 March 2026, and twice on 25 October.
    assert comes("30 2 * * *", BERLIN, at("2026-03-28T12:00"), 2) == ["03-29 01:00", "03-30 00:30"]
    assert comes("30 2 * * *", BERLIN, at("2026-10-24T12:00"), 2) == ["10-25 00:30", "10-26 01:30"]
    hours = comes("0 * * * *", BERLIN, at("2026-10-24T23:30"), 4)
    assert hours == ["10-25 00:00", "10-25 01:00", "10-25 02:00", "10-25 03:00"]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("60 * * * *", "Bad minute"),
        ("* * 32 * *", "Bad day-of-month"),
        ("* * * JANUARY *", "Bad month"),
        ("*/0 * * * *", "Bad minute"),
        ("* * * * 5L/2", "Bad day-of-week"),
        ("٣ * * * *", "five fields"),
        ("0 0 30 2 *", "Bad day-of-month"),
        ("* * * * " + 200 * "1,", "five fields"),
        ("@daily", "five fields"),
    ],
)
def test_an_expression_that_is_none(cron: str, expected: str) -> None:
    (wrong,) = times.violations(cron, "UTC", at("2026-01-01T00:00"))
    assert wrong.field == "cron"
    assert expected in wrong.expected


@pytest.mark.parametrize("zone", ["", "Berlin", "../../etc/passwd", "/etc/localtime", "a" * 100])
def test_a_zone_that_is_none(zone: str) -> None:
    (wrong,) = times.violations("* * * * *", zone, 0)
    assert wrong.field == "time_zone"


@pytest.mark.parametrize("missed", [SKIP, ONCE])
def test_what_is_seen_in_time_makes_a_job(missed: int) -> None:
    first = at("2026-01-01T03:00")
    for late in (0, 999, MINUTE):
        found = times.due("0 * * * *", "UTC", first, first + late, missed)
        assert found == Due(first, first + HOUR, 0)


def test_what_was_missed_makes_none_or_one() -> None:
    first = at("2026-01-01T03:00")
    now = at("2026-01-01T07:30")
    last, coming = at("2026-01-01T07:00"), at("2026-01-01T08:00")
    assert times.due("0 * * * *", "UTC", first, now, SKIP) == Due(None, coming, 5)
    assert times.due("0 * * * *", "UTC", first, now, ONCE) == Due(last, coming, 4)
    # The last of them was seen in time.
    assert times.due("0 * * * *", "UTC", first, last + 1, SKIP) == Due(last, coming, 4)


def test_a_year_of_minutes_is_found_at_once() -> None:
    first, now = at("2025-01-01T00:00"), at("2026-01-01T00:00") + 30_000
    found = times.due("* * * * *", "UTC", first, now, ONCE)
    assert found == Due(at("2026-01-01T00:00"), at("2026-01-01T00:01"), times.MOST_COUNTED)


def test_stamps_are_in_utc() -> None:
    assert times.stamp(at("2026-07-01T03:00", BERLIN)) == "20260701T0100Z"


def test_in_the_hour_that_comes_twice_no_time_of_its_first_half_comes_again() -> None:
    again = int(datetime(2026, 10, 25, 1, 10, tzinfo=UTC).timestamp() * 1000)  # 02:10 for CET
    first = again - 40 * MINUTE  # 02:30 of CEST
    for missed in (ONCE, SKIP):
        found = times.due("30 2 * * *", BERLIN, first, again, missed)
        assert shown(found.next_ms) in ("10-25 01:30", "10-26 01:30")
    assert times.after("30 2 * * *", BERLIN, again) == found.next_ms
