"""Quiet hours: when somebody may be written to who did not ask just now."""

from datetime import UTC, datetime, timedelta

from app.desk.local_time import instant_of, zone_named


def allowed_at(instant: datetime, zone: str, from_hour: int = 21, to_hour: int = 8) -> datetime:
    """The instant itself, or the end of the quiet hours it lies in (aware UTC).

    It is quiet from `from_hour` until `to_hour` by the zone's clocks (whole hours, 0–24), over midnight when the first
    is the later; two equal hours mean no quiet at all. An unknown zone counts as UTC.
    """
    known = zone_named(zone) or zone_named("UTC")
    instant = instant.astimezone(UTC)
    if known is None or from_hour == to_hour:
        return instant
    night = 24 if from_hour > to_hour else 0
    today = instant.astimezone(known).date()
    for day in (today - timedelta(days=1), today):
        begins_at = instant_of(known, day, from_hour * 60)
        ends_at = instant_of(known, day, (to_hour + night) * 60)
        if begins_at <= instant < ends_at:
            return ends_at
    return instant
