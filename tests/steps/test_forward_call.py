"""forward_call: who rings, in which order, and where the call goes afterwards."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from flows.ask import PhonesOfContacts, PhonesOfContactsAnswer
from flows.effect import Dial, Phone, Say
from flows.event import CallerHungUp, DialEnded, Happening, TimerFired
from tests.steps.visits import Visit, step_of

ONE, TWO, SIP = {"number": "+48221234567"}, {"number": "+48221234568"}, {"sip": "sip:anna@example.com"}
BUSY, SILENT, TALKED = DialEnded("busy", 486), DialEnded("no-answer"), DialEnded("completed", seconds=60)
DOWN, GONE = DialEnded("failed", 503), DialEnded("failed", 404)


def visit(*targets: Mapping[str, str], variables: Mapping[str, Any] | None = None, **config: Any) -> Visit:
    return Visit("forward_call", {"targets": list(targets), **config}, on_call=True, variables=variables or {})


LEAVES: list[tuple[Sequence[Happening], str | None, str | None]] = [
    ([TALKED], "answered", None),
    ([BUSY, TALKED], "answered", None),
    ([BUSY], None, None),
    ([BUSY, BUSY], "busy", None),
    ([BUSY, SILENT], "no_answer", None),
    ([SILENT, BUSY], "no_answer", None),
    ([DialEnded("canceled"), BUSY], "no_answer", None),
    ([DOWN, BUSY], "busy", None),
    ([DOWN, SILENT], "no_answer", None),
    ([DOWN, GONE], "failure", "sip_status"),
    ([TimerFired()], "no_answer", None),
]


@pytest.mark.parametrize(("turns", "left_by", "error"), LEAVES)
def test_one_after_another_rings_until_somebody_answers(
    turns: Sequence[Happening], left_by: str | None, error: str | None
) -> None:
    seen = visit(ONE, TWO).feed_all(turns)
    assert (seen.left_by, seen.error) == (left_by, error)


def test_the_failure_tells_the_last_sip_status_and_whether_another_try_makes_sense() -> None:
    seen = visit(SIP).feed(DOWN)
    assert "SIP status 503" in seen.message
    assert seen.run.error["retryable"] is True
    assert visit(SIP).feed(GONE).run.error["retryable"] is False
    assert "without telling" in visit(ONE).feed(DialEnded("failed")).message


def test_all_together_ring_by_one_verb() -> None:
    seen = visit(ONE, SIP, TWO, order="together", ring_seconds=20, caller_id="+48111222333", limit_seconds=600)
    assert seen.effects == [
        Dial(
            "+48221234567",
            caller_id="+48111222333",
            ring_seconds=20,
            limit_seconds=600,
            also=(Phone(sip="sip:anna@example.com"), Phone("+48221234568")),
        )
    ]
    assert seen.feed(BUSY).left_by == "busy"


def test_whoever_answers_hears_the_whisper_and_sip_phones_get_the_headers() -> None:
    header = {"name": "X-Tier", "value": "{{ tier }}"}
    seen = visit(SIP, whisper={"en": "A {{ tier }} customer."}, headers=[header], variables={"tier": "gold"})
    whisper = Say("A gold customer.", language="en")
    assert seen.effects == [Dial(sip="sip:anna@example.com", headers={"X-Tier": "gold"}, whisper=whisper)]
    assert visit(ONE, headers=[header], variables={"tier": "gold"}).effects == [Dial("+48221234567")]


def test_a_whisper_that_fits_into_no_address_fails() -> None:
    assert visit(ONE, whisper={"en": "ż" * 301}).error == "too_large"
    assert visit(ONE, whisper={"en": "ż" * 300}).error is None


def test_a_list_is_a_target_of_many() -> None:
    team = ["+48 22 123 45 67", "sip:anna@example.com", "nobody", "sip:a b@example.com"]
    seen = visit({"list": "{{ team }}"}, variables={"team": team}, order="together")
    assert seen.effects == [Dial("+48221234567", also=(Phone(sip="sip:anna@example.com"),))]
    assert [*seen.feed(SILENT).why["skipped"]] == [
        "“nobody” is no telephone number with + and country code.",
        "“sip:a b@example.com” is no telephone number with + and country code.",
    ]


def test_more_phones_than_ring_at_once_are_cut_to_ten() -> None:
    team = [f"+4822123456{n}" for n in range(10)] * 2
    (dial,) = visit({"list": "{{ team }}"}, variables={"team": team}, order="together").effects
    assert isinstance(dial, Dial)
    assert len(dial.also) == 9


UNCALLABLE: list[tuple[Mapping[str, str], Mapping[str, Any], str]] = [
    ({"number": "12"}, {}, "invalid_number"),
    ({"number": "{{ phone }}"}, {}, "expression_error"),
    ({"number": "{{ phone }}"}, {"phone": "Anna"}, "invalid_number"),
    ({"sip": "https://example.com"}, {}, "invalid_number"),
    ({"agent": "anna"}, {}, "invalid_number"),
    ({"list": "{{ team }}"}, {"team": []}, "invalid_number"),
    ({"list": "{{ team }}"}, {"team": [Decimal(7)]}, "invalid_number"),
    ({"list": "{{ team }}"}, {"team": "+48221234567"}, ""),
]


@pytest.mark.parametrize(("target", "variables", "error"), UNCALLABLE)
def test_a_target_that_cannot_be_called_says_so(
    target: Mapping[str, str], variables: Mapping[str, Any], error: str
) -> None:
    seen = visit(target, variables=variables)
    assert (seen.error or "") == error
    assert (seen.left_by == "failure") == bool(error)


def test_one_wrong_target_does_not_keep_the_others_from_ringing() -> None:
    assert visit({"number": "12"}, TWO).effects == [Dial("+48221234568")]


def test_a_contact_is_called_at_its_own_number() -> None:
    seen = visit(ONE, {"contact": "{{ manager }}"}, variables={"manager": "Ewa@example.com"})
    assert seen.asked == PhonesOfContacts(("Ewa@example.com",))
    seen.feed(PhonesOfContactsAnswer(("+48500100100",))).feed(SILENT)
    assert seen.effects == [Dial("+48221234567"), Dial("+48500100100")]


def test_a_contact_without_a_number_is_left_out() -> None:
    assert visit({"contact": "a@b.pl"}).feed(PhonesOfContactsAnswer(("",))).error == "invalid_number"
    assert visit({"contact": "a@b.pl"}, TWO).feed(PhonesOfContactsAnswer(("",))).effects == [Dial("+48221234568")]


def test_a_caller_who_hangs_up_while_it_rings_ends_the_run() -> None:
    assert visit(ONE, TWO).feed(CallerHungUp()).run.outcome == "caller_hung_up"


@pytest.mark.parametrize(
    ("config", "codes"),
    [
        ({"targets": [ONE, SIP]}, []),
        ({"targets": [{"number": "{{ phone }}"}, {"list": "{{ team }}"}, {"contact": "a@b.pl"}]}, []),
        ({"targets": [{"number": "12"}]}, ["invalid_number"]),
        ({"targets": [{"sip": "anna@example.com"}]}, ["invalid_number"]),
        ({"targets": [{"agent": "anna"}]}, ["agent_unknown"]),
        ({"targets": [ONE, SIP], "order": "together"}, ["sip_together"]),
        ({"targets": [SIP], "order": "together"}, []),
    ],
)
def test_targets_that_cannot_work_are_findings(config: Mapping[str, Any], codes: list[str]) -> None:
    assert [problem.code for problem in step_of("forward_call").problems(config)] == codes
