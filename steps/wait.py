"""The step `wait`: lets time pass."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.ask import Answer, CalendarState, CalendarStateAnswer
from flows.context import Context
from flows.event import CallPolled, Event, MessageReceived, TimerFired
from flows.form import advanced, filled, length, named, record, seconds, text, value, yes_no
from flows.silence import in_silence
from flows.step import Ask, Config, Example, Exit, Group, Json, Outcome, Problem, Step, Take, Wait, fail
from flows.values import TypeMismatch, Value, convert

_LONGEST_SECONDS = 2_592_000
_LONGEST_PAUSE_SECONDS = 10  # of silence in one document; then the carrier asks again
_OFFICE: Mapping[str, Json] = {"calendar": "office"}


class WaitStep(Step):
    """Lets time pass: a while, until a date, or until a calendar opens (at once where it is open). What is changed in
    the calendar meanwhile counts, such as a holiday. If the contact writes meanwhile, the message is kept for the next
    step that expects one, or the flow goes on at “message”."""

    type: ClassVar[str] = "wait"
    title: ClassVar[str] = "Wait"
    group: ClassVar[Group] = "decide"
    icon: ClassVar[str] = "clock-pause"
    waits: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "seconds": seconds("For", "How long.", minimum=1, maximum=_LONGEST_SECONDS),
            "until": length(value("Until", "A date, with or without a time, such as {{ appointment }}."), minimum=1),
            "calendar": named("calendar", "Until opening of", "A calendar of the installation."),
            "zone": advanced(text("Time zone", "Of a date that has none, such as Europe/Warsaw.", default="UTC")),
            "leaves_by_message": yes_no(
                "Goes on when the contact writes", "Adds the exit “message”; else messages are kept.", default=False
            ),
        },
        exactly_one_of=["seconds", "until", "calendar"],
    )
    errors: ClassVar[Mapping[str, str]] = {
        "date_in_past": "The date is over already.",
        "not_a_date": "What is waited for is no date.",
        "calendar_missing": "There is no calendar of that name.",
        "never_opens": "The calendar does not open again, as far as it tells.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example("An hour", {"seconds": 3600}, leaves_by="done", turns=[TimerFired()]),
        Example(
            "Until a date",
            {"until": "{{ appointment }}"},
            leaves_by="done",
            turns=[TimerFired()],
            variables={"appointment": "2026-11-24T09:00:00Z"},
        ),
        Example(
            "The contact writes first",
            {"seconds": 3600, "leaves_by_message": True},
            leaves_by="message",
            turns=[MessageReceived("I am here")],
        ),
        Example("Until Monday", {"until": "2026-11-16"}, leaves_by="failure", error="date_in_past"),
        Example("Until something", {"until": "soon"}, leaves_by="failure", error="not_a_date"),
        Example(
            "Until we open",
            _OFFICE,
            leaves_by="done",
            turns=[
                CalendarStateAnswer(exists=True, next_opening_at=datetime.fromisoformat("2026-11-23T08:00:00Z")),
                TimerFired(),
                CalendarStateAnswer(exists=True, state="open"),
            ],
        ),
        Example(
            "A calendar that is not there",
            _OFFICE,
            leaves_by="failure",
            turns=[CalendarStateAnswer(exists=False)],
            error="calendar_missing",
        ),
        Example(
            "A calendar without open time",
            _OFFICE,
            leaves_by="failure",
            turns=[CalendarStateAnswer(exists=True)],
            error="never_opens",
        ),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """`message` only where the author wants it."""
        return (Exit("done"), *([Exit("message")] if config.get("leaves_by_message") else []))

    def summary(self, config: Config) -> str:
        """How long, or until when."""
        if config.get("calendar"):
            return f"Until {config['calendar']} opens"
        return f"Until {config['until'].strip('{} ')}" if config.get("until") else _length(config.get("seconds", 0))

    def problems(self, config: Config) -> Sequence[Problem]:
        """A zone that nobody knows."""
        try:
            ZoneInfo(config.get("zone", "UTC"))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            sentence = f"There is no time zone “{config['zone'][:60]}”."
            return [Problem("zone_unknown", "zone", sentence, "Write one such as Europe/Warsaw.")]
        return []

    def effective_limit(self, config: Config) -> float | None:
        """Its time, or the longest a wait may last."""
        return float(config.get("seconds", _LONGEST_SECONDS))

    def run(self, context: Context) -> Outcome:
        """Begin to wait, or ask the calendar first."""
        config = filled(self.schema, context.config)
        if "calendar" in config:
            return Ask(CalendarState(config["calendar"], context.now))
        if "seconds" in config:
            return _wait(context, context.now + timedelta(seconds=config["seconds"]))
        found = context.value(config["until"])
        until = _instant(found, config["zone"])
        if until is None:
            return fail("not_a_date", f"{config['until']} is no date.")
        if until <= context.now:
            return fail("date_in_past", f"{config['until']} was at {until:%Y-%m-%d %H:%M %Z} and is over.")
        return _wait(context, until)

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Wait until the calendar opens, or go on once it has."""
        if not isinstance(answer, CalendarStateAnswer):
            raise TypeError(f"A calendar was asked for, and {type(answer).__name__} came.")
        name = context.config["calendar"]
        if not answer.exists:
            return fail("calendar_missing", f"There is no calendar “{name}”.")
        if answer.state == "open":
            return Take("done") if context.kept else _wait(context, context.now)
        if answer.next_opening_at is None:
            return fail("never_opens", f"The calendar “{name}” does not open again, as far as it tells.")
        return _wait(context, answer.next_opening_at)

    def resume(self, context: Context, event: Event) -> Outcome:
        """The time is up; or the carrier asks what the caller is to hear meanwhile."""
        until = datetime.fromisoformat(context.kept["until"])
        if isinstance(event.happened, CallPolled) and context.now < until:
            return _wait(context, until)
        if "calendar" in context.config:  # somebody may have added a holiday since
            return Ask(CalendarState(context.config["calendar"], context.now), keep=context.kept)
        return Take("done")


def _wait(context: Context, until: datetime) -> Wait:
    """On a call the caller hears silence, after which the carrier asks again."""
    told, left = {"until": until.isoformat()}, int((until - context.now).total_seconds())
    wait = Wait((), until=until, keep=told, why=told)
    return in_silence(context, wait, max(1, min(left, _LONGEST_PAUSE_SECONDS)))


def _instant(found: Value, zone: str) -> datetime | None:
    """A date as the instant at which it begins; what has no zone of its own is read in this one."""
    try:
        local = ZoneInfo(zone)
        if isinstance(found, datetime):
            return found
        if isinstance(found, date):
            return datetime.combine(found, time(), local)
        instant = convert(found, "datetime")
        if not isinstance(instant, datetime) or not isinstance(found, str):
            return None
        written = datetime.fromisoformat(found.strip())
        return instant if written.tzinfo else written.replace(tzinfo=local)
    except (TypeMismatch, ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _length(span: float) -> str:
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if span >= size:
            return f"{span / size:g} {name}"
    return f"{span:g} s"
