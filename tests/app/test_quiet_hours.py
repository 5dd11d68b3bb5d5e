"""Quiet hours: nobody is written to at night, on clock changes neither."""

from datetime import timedelta

import pytest

from app.desk.quiet_hours import allowed_at
from tests.app.calendars import local

WARSAW, NEW_YORK = "Europe/Warsaw", "America/New_York"

# at, zone, quiet from, until, allowed at
NIGHTS: list[tuple[str, str, int, int, str]] = [
    ("2026-11-22 12:00", WARSAW, 21, 8, "2026-11-22 12:00"),
    ("2026-11-22 20:59:59", WARSAW, 21, 8, "2026-11-22 20:59:59"),
    ("2026-11-22 21:00", WARSAW, 21, 8, "2026-11-23 08:00"),
    ("2026-11-23 00:00", WARSAW, 21, 8, "2026-11-23 08:00"),
    ("2026-11-23 07:59", WARSAW, 21, 8, "2026-11-23 08:00"),
    ("2026-11-23 08:00", WARSAW, 21, 8, "2026-11-23 08:00"),
    ("2026-12-31 23:30", WARSAW, 21, 8, "2027-01-01 08:00"),
    ("2026-03-28 23:00", WARSAW, 21, 8, "2026-03-29 08:00"),  # nine hours, not ten
    ("2026-10-24 23:00", WARSAW, 21, 8, "2026-10-25 08:00"),  # eleven
    ("2026-03-29 01:30", WARSAW, 21, 2, "2026-03-29 03:00"),  # there is no 2 o'clock
    ("2026-10-25 01:30", WARSAW, 21, 2, "2026-10-25 02:00"),  # the first of two
    ("2026-11-01 00:30", NEW_YORK, 21, 8, "2026-11-01 08:00"),
    ("2026-11-22 13:30", WARSAW, 12, 14, "2026-11-22 14:00"),
    ("2026-11-22 11:30", WARSAW, 12, 14, "2026-11-22 11:30"),
    ("2026-11-22 23:30", WARSAW, 0, 24, "2026-11-23 00:00"),
    ("2026-11-22 23:30", WARSAW, 8, 8, "2026-11-22 23:30"),
    ("2026-11-22 23:30", "UTC", 21, 8, "2026-11-23 08:00"),
]


@pytest.mark.parametrize(("at", "zone", "begins", "ends", "allowed"), NIGHTS)
def test_what_falls_into_the_night_is_put_off_to_its_end(
    at: str, zone: str, begins: int, ends: int, allowed: str
) -> None:
    assert allowed_at(local(at, zone), zone, begins, ends) == local(allowed, zone)


def test_an_unknown_zone_counts_as_utc() -> None:
    at = local("2026-11-22 23:30", "UTC")
    assert allowed_at(at, "Europe/Nowhere") == local("2026-11-23 08:00", "UTC")


@pytest.mark.parametrize("zone", [WARSAW, NEW_YORK, "Australia/Lord_Howe", "Asia/Beirut"])
def test_the_instant_that_is_allowed_is_never_quiet_itself_through_a_whole_year(zone: str) -> None:
    at = local("2026-01-01 00:17", zone)
    for passed in range(0, 366 * 24, 5):
        asked = at + timedelta(hours=passed)
        allowed = allowed_at(asked, zone)
        assert asked <= allowed <= asked + timedelta(hours=12)
        assert allowed_at(allowed, zone) == allowed
