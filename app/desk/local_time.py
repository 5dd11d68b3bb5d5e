"""Wall clocks and instants: the one instant that a local time of a zone means."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


def zone_named(name: str) -> ZoneInfo | None:
    """The zone of an IANA name such as Europe/Warsaw; None when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found; looks like a path; is a folder
        return None


@lru_cache(maxsize=8192)  # the same days are asked for again and again
def instant_of(zone: ZoneInfo, day: date, minute: int) -> datetime:
    """The instant at which clocks in the zone show so many minutes since the day's midnight; never goes back as local
    time goes on. A time that comes twice means the first; one that a clock change leaves out, the change itself."""
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - a wall clock has none
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    return _change_before(zone, wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant)


def _change_before(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant between the two at which the zone's clocks are changed."""
    old = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after
