"""The step `opening_hours`: goes one way while a calendar is open, and others while it is closed or has a holiday."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from flows.ask import Answer, CalendarState, CalendarStateAnswer
from flows.context import Context
from flows.form import advanced, named, record, variable
from flows.step import Ask, Config, Example, Exit, Group, Json, Outcome, Step, Take, fail
from flows.values import Value, ValueType, fold_text

_STATES = ("open", "closed", "holiday")
_OFFICE: Mapping[str, Json] = {"calendar": "office"}
_MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


class OpeningHoursStep(Step):
    """Looks whether a calendar is open now. Its emergency switch, set in the settings, counts at once in every flow
    that uses the calendar; a constant can stand in for several calendars: while it holds “open”, “closed” or “holiday”,
    that is how it goes."""

    type: ClassVar[str] = "opening_hours"
    title: ClassVar[str] = "Opening hours"
    group: ClassVar[Group] = "decide"
    icon: ClassVar[str] = "clock"
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "calendar": named("calendar", "Calendar", "Whose hours, holidays and exceptions count."),
            "emergency_switch": advanced(
                named(
                    "constant",
                    "Emergency switch",
                    "A constant that goes before the calendar while it holds open, closed or holiday.",
                )
            ),
            "next_opening": advanced(
                variable("Next opening", "A variable for when it opens again, where that is known.")
            ),
        },
        required=["calendar"],
    )
    errors: ClassVar[Mapping[str, str]] = {"calendar_missing": "There is no calendar of that name."}
    examples: ClassVar[Sequence[Example]] = (
        Example("It is open", _OFFICE, "open", turns=[CalendarStateAnswer(exists=True, state="open")]),
        Example(
            "It is closed until Monday",
            {**_OFFICE, "next_opening": "opens_at"},
            "closed",
            turns=[CalendarStateAnswer(exists=True, next_opening_at=_MONDAY)],
            sets={"opens_at": _MONDAY},
        ),
        Example(
            "It is Christmas",
            _OFFICE,
            "holiday",
            turns=[CalendarStateAnswer(exists=True, state="holiday", reason="Christmas Day")],
        ),
        Example(
            "No such calendar",
            _OFFICE,
            "failure",
            turns=[CalendarStateAnswer(exists=False)],
            error="calendar_missing",
        ),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """Always the same three."""
        return tuple(Exit(state) for state in _STATES)

    def summary(self, config: Config) -> str:
        """Whose hours."""
        return f"Is {config.get('calendar') or '…'} open?"

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The next opening, which is not always known."""
        return [(config["next_opening"], "datetime", ())] if config.get("next_opening") else []

    def run(self, context: Context) -> Outcome:
        """Look at the switch, then ask the calendar."""
        if switched := _switched(context):
            why = {"state": switched, "reason": f"the constant {context.config['emergency_switch']} says so"}
            return Take(switched, why=why)
        return Ask(CalendarState(context.config["calendar"], context.now))

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Take the exit the calendar says."""
        if not isinstance(answer, CalendarStateAnswer):
            raise TypeError(f"A calendar's state was asked for, and {type(answer).__name__} came.")
        name = context.config["calendar"]
        if not answer.exists:
            sentence = f"There is no calendar “{name}”; make it or choose another."
            return fail("calendar_missing", sentence, why={"calendar": name})
        opening, closing = answer.next_opening_at, answer.next_closing_at
        into = context.config.get("next_opening")
        sets: dict[str, Value] = {into: opening} if into and opening and answer.state != "open" else {}
        why = {
            "calendar": name,
            "state": answer.state,
            "reason": answer.reason,
            "next_opening": opening.isoformat() if opening else None,
            "next_closing": closing.isoformat() if closing else None,
        }
        return Take(answer.state, sets=sets, why=why)


def _switched(context: Context) -> str:
    """What the constant says; any other value of it, such as an empty text, leaves it to the calendar."""
    value = context.facts.constants.get(context.config.get("emergency_switch", ""))
    word = fold_text(value) if isinstance(value, str) else ""
    return word if word in _STATES else ""
