"""The filters that work on dates; "now" is the turn's instant, never the clock."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.expression_filter import Filter, as_text, as_whole, converted
from flows.expression_state import ExpressionError
from flows.values import Value

# Numbers only: names of days and months would depend on the machine's language.
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DIRECTIVES = frozenset("YmdHMSyjuV%")
_LONGEST_FORMAT = 100
_MOST_SPANS = 1_000_000


def _format_date(value: Value, form: Value, zone: Value) -> str:
    text = as_text(form)
    if len(text) > _LONGEST_FORMAT:
        raise ExpressionError("", f"A date's format has at most {_LONGEST_FORMAT} characters.")
    moment = _moment(value)
    if isinstance(moment, datetime):
        moment = _localised(moment, as_text(zone or "UTC"))
    return _DIRECTIVE.sub(lambda directive: _written(moment, directive[1]), text)


def _add_days(value: Value, count: Value) -> Value:
    return _moved(value, timedelta(days=_count(count)))


def _add_hours(value: Value, count: Value) -> Value:
    return _moved(_instant(value), timedelta(hours=_count(count)))


def _add_minutes(value: Value, count: Value) -> Value:
    return _moved(_instant(value), timedelta(minutes=_count(count)))


def _days_since(value: Value, now: datetime) -> Value:
    return Decimal((now.date() - _day(value)).days)


def _days_until(value: Value, now: datetime) -> Value:
    return Decimal((_day(value) - now.date()).days)


def _weekday(value: Value) -> Value:
    return Decimal(_day(value).isoweekday())


def _moment(value: Value) -> date:
    """A date or a date with a time, also read from a text."""
    if isinstance(value, date):
        return value
    found = converted(
        value, "date" if isinstance(value, str) and len(value.strip()) == len("2026-11-21") else "datetime"
    )
    if not isinstance(found, date):
        raise ExpressionError("", "A date is needed, and here is none.")
    return found


def _day(value: Value) -> date:
    moment = _moment(value)
    return moment.date() if isinstance(moment, datetime) else moment


def _instant(value: Value) -> datetime:
    instant = converted(value, "datetime")
    if not isinstance(instant, datetime):
        raise ExpressionError("", "A date with a time is needed, and here is none.")
    return instant


def _moved(value: Value, span: timedelta) -> Value:
    try:
        return _moment(value) + span
    except OverflowError as error:
        raise ExpressionError("", "This date would be before the year 1 or after the year 9999.") from error


def _localised(instant: datetime, name: str) -> datetime:
    try:
        zone: tzinfo = UTC if name == "UTC" else ZoneInfo(name)
        return instant.astimezone(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ExpressionError("", f"There is no time zone “{name[:60]}”; one is Europe/Warsaw.") from error
    except OverflowError as error:
        raise ExpressionError("", "This date would be before the year 1 or after the year 9999.") from error


def _count(count: Value) -> int:
    return as_whole(count, -_MOST_SPANS, _MOST_SPANS, 0)


def _written(moment: date, directive: str) -> str:
    if directive not in _DIRECTIVES or not directive:
        raise ExpressionError(
            "", f"“%{directive}” is not known in a date's format; known are %Y %m %d %H %M %S %y %j %u %V."
        )
    return f"{moment.year:04}" if directive == "Y" else moment.strftime("%" + directive)


DATE_FILTERS = (
    Filter(
        "date",
        "The value as a date.",
        '{{ "2026-11-21T23:30:00Z" | date }}',
        "2026-11-21",
        partial(converted, wanted="date"),
    ),
    Filter(
        "datetime",
        "The value as a date with a time; without a zone it is UTC.",
        '{{ "2026-11-21T13:00+01:00" | datetime }}',
        "2026-11-21T12:00:00Z",
        partial(converted, wanted="datetime"),
    ),
    Filter(
        "format_date",
        "A date written your way: %Y year, %m month, %d day, %H hour, %M minute, %S second, %y short year, %j day of"
        " the year, %u weekday (Monday is 1), %V week; then a time zone.",
        '{{ now | format_date("%d.%m.%Y %H:%M", "Europe/Warsaw") }}',
        "21.11.2026 13:00",
        _format_date,
        ("format", "zone"),
        required=1,
    ),
    Filter(
        "add_days",
        "So many days later.",
        '{{ "2026-11-21" | date | add_days(14) }}',
        "2026-12-05",
        _add_days,
        ("count",),
        1,
    ),
    Filter(
        "add_hours",
        "So many hours later.",
        "{{ now | add_hours(-3) }}",
        "2026-11-21T09:00:00Z",
        _add_hours,
        ("count",),
        1,
    ),
    Filter(
        "add_minutes",
        "So many minutes later.",
        "{{ now | add_minutes(30) }}",
        "2026-11-21T12:30:00Z",
        _add_minutes,
        ("count",),
        1,
    ),
    Filter(
        "days_since",
        "How many days ago the date was.",
        '{{ "2026-11-14" | days_since }}',
        "7",
        _days_since,
        reads_now=True,
    ),
    Filter(
        "days_until",
        "In how many days the date is.",
        '{{ "2026-12-24" | days_until }}',
        "33",
        _days_until,
        reads_now=True,
    ),
    Filter("weekday", "The day of the week: Monday is 1, Sunday 7.", "{{ now | weekday }}", "6", _weekday),
)
