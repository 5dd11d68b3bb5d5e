"""A calendar: weekly opening hours in a time zone, a country's holidays, and days that are different."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from app.desk.public_holidays import holiday_name

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_MINUTES: Final = 1440
# Nobody is told an opening further away, and no search looks further: more than the most days that can be different.
HORIZON: Final = timedelta(days=4_400)


@dataclass(frozen=True, order=True)
class Span:
    """Hours of one day, in minutes since its midnight; a night ends after `DAY_MINUTES`, on the next day."""

    from_minute: int
    to_minute: int


@dataclass(frozen=True)
class SpecialDay:
    """A date whose hours are not those of its weekday, whatever holiday it is; without spans nothing begins on it."""

    spans: tuple[Span, ...] = ()
    title: str = ""
    is_holiday: bool = False


@dataclass(frozen=True)
class Calendar:
    """When people work. Hours belong to the day on which they begin: a night that begins before a holiday is worked to
    its end, and none begins on the holiday.

    zone: an IANA name. week: the spans of Monday to Sunday, each day's in order. country: whose holidays are free, such
    as "DE", with the subdivision "BY"; empty: no holidays.
    """

    zone: str = "UTC"
    week: tuple[tuple[Span, ...], ...] = ((),) * 7
    country: str = ""
    subdivision: str = ""
    special_days: Mapping[date, SpecialDay] = field(default_factory=dict)

    def spans_on(self, day: date) -> tuple[Span, ...]:
        """The hours that begin on a date."""
        special = self.special_days.get(day)
        if special is not None:
            return special.spans
        spans = self.week[day.weekday()]
        return () if spans and self.holiday_on(day) else spans

    def holiday_on(self, day: date) -> str:
        """The name of the holiday a date is, or empty."""
        special = self.special_days.get(day)
        if special is not None:
            return (special.title or "Holiday") if special.is_holiday else ""
        return holiday_name(self.country, self.subdivision, day) if self.country else ""

    def days_from(self, first: date) -> Iterator[date]:
        """The dates from one on that may have hours, in order, as far as the horizon."""
        if not any(self.week):
            yield from sorted(day for day in self.special_days if day >= first)
            return
        for ordinal in range(first.toordinal(), min(first.toordinal() + HORIZON.days, date.max.toordinal() - 2)):
            yield date.fromordinal(ordinal)


def written(span: Span) -> str:
    """A span in people's words, such as 22:00–06:00 on the next day."""
    ends = span.to_minute - DAY_MINUTES if span.to_minute > DAY_MINUTES else span.to_minute
    words = f"{span.from_minute // 60:02}:{span.from_minute % 60:02}–{ends // 60:02}:{ends % 60:02}"
    return f"{words} on the next day" if span.to_minute > DAY_MINUTES else words
