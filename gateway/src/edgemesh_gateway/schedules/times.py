"""When a schedule comes: cron expressions and time zones, and what is due now.

Rules: pure. The past is counted up to MOST_COUNTED, so that a year's downtime of a schedule that
comes each minute costs no more than a day's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from edgemesh.compute.v1 import schedule_pb2

from mesh_service.errors import Violation

GRACE_MS = 60_000
"""A time that is seen within this was not missed."""
MOST_COUNTED = 1000
MOST_CRON, MOST_ZONE = 128, 64
DEFAULT_ZONE = "UTC"
ONCE = schedule_pb2.MISSED_FIRINGS_ONCE
_CRON = "minute hour day month weekday, e.g. 0 3 * * MON-FRI"


@dataclass(frozen=True, slots=True)
class Due:
    """What a look at a schedule finds."""

    at_ms: int | None
    """The time that makes a job; None: none does."""
    next_ms: int | None
    """None: it never comes again."""
    missed: int
    """Times that make none."""


def violations(cron: str, zone: str, now_ms: int) -> Iterator[Violation]:
    """What is wrong with an expression and a zone, if anything."""
    known = _zone(zone)
    if known is None:
        yield Violation("time_zone", "a name of the IANA's database, e.g. Europe/Berlin")
    if len(cron) > MOST_CRON or not cron.isascii() or len(cron.split()) != 5:
        yield Violation("cron", f"five fields: {_CRON}")
        return
    try:
        coming = after(cron, DEFAULT_ZONE if known is None else zone, now_ms)
    except CronSimError as error:
        yield Violation("cron", f"five fields: {_CRON}; {error}")
        return
    if coming is None:
        yield Violation("cron", "a time that comes within the next 50 years")


def after(cron: str, zone: str, at_ms: int) -> int | None:
    """The first time after one; None: none comes within 50 years."""
    return next(_each(cron, zone, at_ms), None)


def due(cron: str, zone: str, first_ms: int, now_ms: int, missed: int) -> Due:
    """What is due now of a schedule whose next time was `first_ms`, which has come."""
    last, count = first_ms, 0
    for at in _each(cron, zone, first_ms):
        if at > now_ms:
            break
        last, count = at, count + 1
        if count == MOST_COUNTED:
            last = max(last, _before(cron, zone, now_ms))
            break
    makes = missed == ONCE or now_ms - last <= GRACE_MS
    return Due(
        last if makes else None,
        after(cron, zone, max(now_ms, last)),
        min(count + (not makes), MOST_COUNTED),
    )


def _each(cron: str, zone: str, after_ms: int) -> Iterator[int]:
    found = _zone(zone)
    assert found is not None
    for at in CronSim(cron, datetime.fromtimestamp(after_ms // 1000, found)):
        ms = int(at.timestamp()) * 1000
        if ms > after_ms:  # in the hour that comes twice it tells those of the first time
            yield ms


def _before(cron: str, zone: str, now_ms: int) -> int:
    """The last time until now."""
    found = _zone(zone)
    assert found is not None
    from_here = datetime.fromtimestamp(now_ms // 1000, found) + timedelta(seconds=1)
    return int(next(CronSim(cron, from_here, reverse=True)).timestamp()) * 1000


def _zone(name: str) -> ZoneInfo | None:
    if not 0 < len(name) <= MOST_ZONE or not name.isascii():
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def stamp(at_ms: int) -> str:
    """A time as the id of its job has it."""
    return datetime.fromtimestamp(at_ms / 1e3, UTC).strftime("%Y%m%dT%H%MZ")
