from decimal import Decimal
from typing import Any

import pytest

from flows.ask import AddressState, AddressStateAnswer
from flows.effect import UpdateContact
from tests.steps.visits import Visit, step_of

WRITTEN: list[tuple[dict[str, Any], UpdateContact]] = [
    ({"name": "  Anna  "}, UpdateContact(name="Anna")),
    ({"name": "Anna\r\nNowak\x1b"}, UpdateContact(name="Anna Nowak")),
    ({"name": "{{ title }}"}, UpdateContact(name="")),  # an empty text is a name taken away
    ({"name": "x" * 200}, UpdateContact(name="x" * 200)),
    ({"language": "pt-BR"}, UpdateContact(language="pt-BR")),
    ({"zone": "Europe/Warsaw"}, UpdateContact(zone="Europe/Warsaw")),
    ({"account_manager": "ola"}, UpdateContact(account_manager="ola")),
    ({"consent": "withdrawn"}, UpdateContact(consent="withdrawn")),
    ({"join": ["vip"], "leave": ["new"]}, UpdateContact(joins=("vip",), leaves=("new",))),
    ({"fields": [{"name": "n", "value": "{{ n }}"}]}, UpdateContact({"n": Decimal(2)})),
    ({"fields": [{"name": "n", "type": "number", "value": "7"}]}, UpdateContact({"n": Decimal(7)})),
    ({"fields": [{"name": "n", "value": "{{ nobody }}"}]}, UpdateContact({"n": None})),
]


@pytest.mark.parametrize(("config", "effect"), WRITTEN)
def test_what_is_filled_in_is_written_and_nothing_else(config: dict[str, Any], effect: UpdateContact) -> None:
    visit = Visit("update_contact", config, variables={"n": Decimal(2), "title": ""})
    assert (visit.left_by, visit.effects) == ("success", [effect])


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"phone": "call me"}, "field_invalid"),
    ({"phone": "500 100 100"}, "field_invalid"),  # of which country?
    ({"email": "anna(at)example.com"}, "field_invalid"),
    ({"language": "polish please"}, "field_invalid"),
    ({"language": "{{ title }}"}, "field_invalid"),
    ({"zone": "Warsaw time"}, "field_invalid"),
    ({"zone": "../../etc/passwd"}, "field_invalid"),
    ({"name": "x" * 201}, "field_invalid"),
    ({"fields": [{"name": "n", "type": "number", "value": "many"}]}, "field_invalid"),
    ({"name": "{{ nobody }}"}, "expression_error"),
    ({"phone": "{{ nobody }}"}, "expression_error"),
    ({"fields": [{"name": "n", "value": "{{ big }}"}]}, "too_large"),
]


@pytest.mark.parametrize(("config", "kind"), INVALID)
def test_a_value_that_does_not_fit_fails_by_name_and_writes_nothing(config: dict[str, Any], kind: str) -> None:
    visit = Visit("update_contact", {"consent": "given", **config}, variables={"title": "", "big": ["y" * 9_000] * 8})
    assert (visit.left_by, visit.error, visit.effects) == ("failure", kind, [])
    assert visit.message.endswith(".")


def test_each_new_address_is_asked_for_before_anything_is_written() -> None:
    config = {"phone": "500 100 100", "country": "PL", "email": "Anna@Example.COM", "name": "Anna"}
    visit = Visit("update_contact", config)
    assert visit.asked == AddressState("", "email", "anna@example.com")
    visit.feed(AddressStateAnswer("contact"))
    assert visit.asked == AddressState("", "phone", "+48500100100")
    visit.feed(AddressStateAnswer("nobody"))
    addresses = {"phone": "+48500100100", "email": "anna@example.com"}
    assert (visit.left_by, visit.effects) == ("success", [UpdateContact(name="Anna", addresses=addresses)])


def test_another_contacts_address_fails_by_name_and_writes_nothing() -> None:
    visit = Visit("update_contact", {"phone": "+48500100100", "name": "Anna"}).feed(AddressStateAnswer("another"))
    assert (visit.left_by, visit.error, visit.effects) == ("failure", "address_taken", [])
    assert "telephone number" in visit.message


PROBLEMS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["nothing_to_write"]),
    ({"consent": "unchanged", "country": "PL"}, ["nothing_to_write"]),
    ({"name": "Anna"}, []),
    ({"fields": [{"name": "n", "value": "1"}, {"name": "n", "value": "2"}]}, ["field_twice"]),
    ({"join": ["vip"], "leave": ["vip"]}, ["segment_twice"]),
]


@pytest.mark.parametrize(("config", "codes"), PROBLEMS)
def test_a_config_that_cannot_be_meant_is_a_finding(config: dict[str, Any], codes: list[str]) -> None:
    assert [problem.code for problem in step_of("update_contact").problems(config)] == codes
