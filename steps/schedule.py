"""The trigger `schedule`: the house starts the flow by itself, for everybody in a segment or on a list."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

import phonenumbers
from cronsim import CronSim, CronSimError

from flows.answers import read_contact_email
from flows.context import Context
from flows.event import ScheduleDue
from flows.form import advanced, choice, filled, length, named, record, rows, seconds, text, unique, variants, whole
from flows.step import Claim, Config, Example, Json, Medium, Outcome, Problem, Take, Trigger

_MISSED: Final = {"skip": "Leave it out and say so", "start": "Do it once, late, and say so"}
_BUSY: Final = {"queue": "Start when the contact is free", "reject": "Leave the contact out and say so"}
_FIELDS: Final = 5  # minute, hour, day, month, weekday
_PARTS: Final = {"day-of-month": "day", "day-of-week": "weekday"}
_EACH_MONDAY: Final[Mapping[str, Json]] = {
    "number": "support-line",
    "when": {"by": "cron", "expression": "0 10 * * MON", "zone": "Europe/Warsaw"},
    "audience": {"by": "segment", "segment": "newsletter"},
}
_DUE: Final = ScheduleDue(1, "it", datetime(2026, 11, 23, 9, 0, tzinfo=UTC), "21-8")


class ScheduleTrigger(Trigger):
    """Starts the flow by itself at certain times, once for each contact in a segment or on a list who agrees to be
    written to. Nothing is sent at night, by the contact's own clock: it waits for the morning, as do contacts who are
    in another conversation's run."""

    type: ClassVar[str] = "schedule"
    title: ClassVar[str] = "Schedule"
    icon: ClassVar[str] = "calendar-event"
    media: ClassVar[frozenset[Medium]] = frozenset({"messages"})
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "number": named("number", "Number", "The number of ours by which contacts are written to."),
            "when": variants(
                "When",
                "At which times the flow starts.",
                "by",
                {
                    "cron": (
                        "At times written as cron has them",
                        record(
                            {
                                "expression": length(
                                    text("Times", "Minute, hour, day, month, weekday: 0 10 * * MON is Mondays at 10."),
                                    maximum=100,
                                ),
                                "zone": text(
                                    "Time zone", "Such as Europe/Warsaw; empty: the installation's.", default=""
                                ),
                            },
                            required=["expression"],
                        ),
                    ),
                    "calendar": (
                        "When a calendar opens",
                        record(
                            {"calendar": named("calendar", "Calendar", "Each time it opens, the flow starts.")},
                            required=["calendar"],
                        ),
                    ),
                },
            ),
            "audience": variants(
                "For whom",
                "Who is written to, as far as they agree.",
                "by",
                {
                    "segment": (
                        "A segment",
                        record(
                            {"segment": named("segment", "Segment", "Everybody who is in it at that time.")},
                            required=["segment"],
                        ),
                    ),
                    "list": (
                        "A list",
                        record(
                            {
                                "addresses": unique(
                                    rows(
                                        "Addresses",
                                        "Telephone numbers like +48221234567, or e-mail addresses, of known contacts.",
                                        length(text("Address", "One contact's address."), 1, 200),
                                        minimum=1,
                                        maximum=500,
                                    )
                                )
                            },
                            required=["addresses"],
                        ),
                    ),
                },
            ),
            "quiet_from": advanced(whole("Quiet from", "The hour from which nothing is sent.", 0, 23, default=21)),
            "quiet_to": advanced(whole("Quiet until", "The hour until which nothing is sent.", 0, 23, default=8)),
            "per_minute": advanced(
                whole("How many a minute", "For how many contacts it starts in a minute.", 1, 600, default=60)
            ),
            "late_seconds": advanced(
                seconds("Late at most", "A start that is later than this was missed.", 60, 604_800, default=3_600)
            ),
            "when_missed": advanced(
                choice("When it was missed", "The house was not running at that time.", _MISSED, default="skip")
            ),
            "when_busy": advanced(
                choice("While another run is under way", "What happens to that contact.", _BUSY, default="queue")
            ),
        },
        required=["number", "when", "audience"],
    )
    errors: ClassVar[Mapping[str, str]] = {
        "empty_audience": "Nobody is there who could and may be written to, so nothing was started.",
        "missed_window": "The house was not running at that time; what then happened, the schedule's setting says.",
        "already_running": "A contact was in another run, or with people, and was left out.",
        "not_started": "The flow was not live any more when a contact's turn came.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example("Each Monday", _EACH_MONDAY, leaves_by="next", turns=[_DUE]),
        Example(
            "When the shop opens, for two contacts",
            {
                "number": "support-line",
                "when": {"by": "calendar", "calendar": "shop"},
                "audience": {"by": "list", "addresses": ["+48600100200", "+48600300400"]},
            },
            leaves_by="next",
            turns=[_DUE],
        ),
    )

    def summary(self, config: Config) -> str:
        """When and for whom."""
        when, audience = config.get("when", {}), config.get("audience", {})
        times = when.get("expression") or when.get("calendar") or "no time yet"
        return f"{times}: {audience.get('segment') or len(audience.get('addresses', ())) or 'nobody yet'}"

    def problems(self, config: Config) -> Sequence[Problem]:
        """Times that are none or never come, a zone that is none, a day without any hour to write in, and entries of
        the list that look like no address."""
        found: list[Problem] = []
        when = config.get("when", {})
        if when.get("by") == "cron":
            if when.get("zone") and _zone(when["zone"]) is None:
                sentence = f"“{when['zone'][:40]}” is no time zone."
                found.append(Problem("bad_zone", "when.zone", sentence, "Write one such as Europe/Warsaw."))
            elif sentence := _fault_of(when.get("expression", "")):
                mend = "Write minute, hour, day, month and weekday, such as 0 10 * * MON."
                found.append(Problem("bad_times", "when.expression", sentence, mend))
        full = filled(self.schema, config)
        if full["quiet_from"] == full["quiet_to"]:
            sentence = "The quiet hours begin and end at the same hour, so that people would be written to at night."
            found.append(Problem("no_quiet_hours", "quiet_to", sentence, "Choose another hour for one of them."))
        for index, written in enumerate(config.get("audience", {}).get("addresses", ())):
            if not read_address(written):  # a messenger of a plugin may have addresses of its own
                sentence = f"“{written[:60]}” is no e-mail address, and no telephone number with + and country code."
                mend = "Write it as +48221234567, unless it is an address of another kind."
                found.append(Problem("address_unclear", f"audience.addresses.{index}", sentence, mend, "warning"))
        return found

    def claims(self, config: Config) -> Sequence[Claim]:
        """Its own starts on its number."""
        return [Claim("schedule", (config["number"],))] if config.get("number") else []

    def matches(self, config: Config, context: Context) -> int | None:
        """What its schedule begins."""
        mine = isinstance(context.event.happened, ScheduleDue) and context.event.happened.step in ("", context.step)
        return 0 if mine and context.facts.conversation.get("number") == config["number"] else None

    def run(self, context: Context) -> Outcome:
        """Go on to the first step."""
        return Take("next")


def read_address(written: str) -> str:
    """An entry of the list in the one spelling in which contacts have it; empty when it is neither a telephone number
    with its country code nor an e-mail address."""
    if "@" in written:
        return read_contact_email(written) or ""
    try:
        number = phonenumbers.parse(written.strip())
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def next_by_cron(when: Mapping[str, Any], after: datetime, usual_zone: str) -> datetime | None:
    """The first instant after another that a `when` by cron means; None when none comes within fifty years.

    It follows Debian's cron where clocks change: https://manpages.debian.org/bookworm/cron/cron.8.en.html
    """
    zone = _zone(when.get("zone") or usual_zone) or ZoneInfo("UTC")
    try:
        found = next(CronSim(when["expression"], after.astimezone(zone)), None)
    except CronSimError:
        return None
    return found.astimezone(UTC) if found else None


def _fault_of(expression: str) -> str:
    if len(expression.split()) != _FIELDS:
        count = len(expression.split())
        return f"“{expression[:60]}” has {count} part{'' if count == 1 else 's'}, and times have {_FIELDS}."
    try:
        first = next(CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC)), None)
    except CronSimError as wrong:
        part = str(wrong).removeprefix("Bad ")  # all that the library says is such as “Bad day-of-month”
        return f"“{expression[:60]}” is no time: there is no such {_PARTS.get(part, part)}."
    return "" if first else f"“{expression[:60]}” never comes: there is no such day."


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found; looks like a path; is a folder
        return None
