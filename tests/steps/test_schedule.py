from datetime import UTC, datetime
from typing import Any

import pytest

from steps.schedule import next_by_cron, read_address
from tests.steps.visits import step_of

SEGMENT = {"by": "segment", "segment": "all"}


def config(expression: str = "0 10 * * *", zone: str = "", **more: Any) -> dict[str, Any]:
    return {
        "number": "sms",
        "when": {"by": "cron", "expression": expression, "zone": zone},
        "audience": SEGMENT,
        **more,
    }


FOUND = [
    (config(), []),
    (config("*/15 8-18 * * MON-FRI", "Europe/Warsaw"), []),
    (config("0 10 30 2 *"), ["bad_times"]),  # never: there is no 30th of February
    (config("* * */20 * 1L"), ["bad_times"]),  # never: the last Monday is no 1st and no 21st
    (config("0 10 * *"), ["bad_times"]),
    (config("0 0 10 * * *"), ["bad_times"]),  # seconds
    (config("every day"), ["bad_times"]),
    (config("99 10 * * *"), ["bad_times"]),
    (config(zone="Warsaw"), ["bad_zone"]),
    (config(zone="../../etc/passwd"), ["bad_zone"]),
    (config(quiet_from=8), ["no_quiet_hours"]),
]


@pytest.mark.parametrize(("given", "codes"), FOUND)
def test_times_that_are_none_or_never_come_are_found_before_anything_is_published(
    given: dict[str, Any], codes: list[str]
) -> None:
    problems = list(step_of("schedule").problems(given))
    assert [problem.code for problem in problems] == codes
    assert all(problem.severity == "blocking" and problem.sentence.endswith(".") for problem in problems)


SENTENCES = [
    ("hourly", "“hourly” has 1 part, and times have 5."),
    ("0 10 * *", "“0 10 * *” has 4 parts, and times have 5."),
    ("0 10 30 2 *", "“0 10 30 2 *” is no time: there is no such day."),
    ("0 10 * * 9", "“0 10 * * 9” is no time: there is no such weekday."),
    ("99 10 * * *", "“99 10 * * *” is no time: there is no such minute."),
]


@pytest.mark.parametrize(("expression", "sentence"), SENTENCES)
def test_what_is_wrong_with_a_time_is_said_in_words_of_a_calendar(expression: str, sentence: str) -> None:
    assert [problem.sentence for problem in step_of("schedule").problems(config(expression))] == [sentence]


SPELLED = [
    (" +48 600 100-200 ", "+48600100200"),
    ("Anna@Example.COM", "anna@example.com"),
    ("600100200", ""),
    ("anna@", ""),
]


@pytest.mark.parametrize(("written", "address"), SPELLED)
def test_an_entry_of_the_list_is_read_as_contacts_have_it(written: str, address: str) -> None:
    assert read_address(written) == address


LISTED = [
    ("+48221234567", ""),
    ("+48 22 123-45-67", ""),
    ("Anna@Example.com", ""),
    ("221234567", "no telephone number with + and country code"),
    ("anna(at)example.com", "no e-mail address"),
    ("anna@", "no e-mail address"),
]


@pytest.mark.parametrize(("address", "says"), LISTED)
def test_an_entry_of_the_list_that_is_no_address_is_a_warning(address: str, says: str) -> None:
    found = list(step_of("schedule").problems(config(audience={"by": "list", "addresses": [address]})))
    assert [(one.code, one.severity) for one in found] == ([("address_unclear", "warning")] if says else [])
    assert all(says in one.sentence for one in found)


NEXT = [
    ("0 10 * * *", "Europe/Warsaw", "2026-11-22T08:00", "2026-11-22T09:00"),
    ("0 10 * * *", "", "2026-11-22T08:00", "2026-11-22T10:00"),  # the installation's zone
    ("0 10 * * *", "", "2026-11-22T10:00", "2026-11-23T10:00"),  # never the same one twice
    ("30 2 * * *", "Europe/Warsaw", "2027-03-28T00:00", "2027-03-28T01:00"),  # clocks leave the hour out
    ("30 2 * * *", "Europe/Warsaw", "2027-10-30T23:00", "2027-10-31T00:30"),  # twice that night, and run once
    ("30 2 * * *", "Europe/Warsaw", "2027-10-31T00:30", "2027-11-01T01:30"),
]


@pytest.mark.parametrize(("expression", "zone", "after", "expected"), NEXT)
def test_the_next_time_follows_the_zones_clock(expression: str, zone: str, after: str, expected: str) -> None:
    when = {"by": "cron", "expression": expression, "zone": zone}
    found = next_by_cron(when, datetime.fromisoformat(after).replace(tzinfo=UTC), "UTC")
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
