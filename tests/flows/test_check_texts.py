"""What looks like a secret and what does not; the finding never repeats it. The keys below are made up."""

import pytest

from flows.check import InstallationNames, check
from flows.check.guards import guarded_names
from flows.check.texts import secret_places
from tests.flows.kinds import KINDS, flow

SECRETS = [
    "sk_live_" + "4eC39HqLyjWDarjtT1",
    "sk-" + "proj-abcdefghijklmnopqrstuvwx",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789",
    "xoxb-" + "123456789012-abcdefghijkl",
    "SK" + "0123456789abcdef0123456789abcdef",
    "AIza" + "SyA-abcdefghijklmnopqrstuvwxyz01234",
    "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.sig",
    "Bearer " + "abcdefghijkl123",
    "Basic " + "dXNlcjpwYXNzd29yZA==",
    "-----BEGIN RSA PRIVATE KEY-----",
    "https://user:" + "hunter2@example.com/x",
    "https://example.com/?api_key=" + "abc123def456",
    "https://example.com/?a=1&access_token=" + "abc123def456",
    "Write to us: " + "q7Zk9PxW2mVt4RbN8sLj3HdG6fYc1TuA5e",
]
HARMLESS = [
    "Thank you for calling.",
    "https://crm.example.com/customers/{{ contact.phone }}?token={{ token }}",
    "https://example.com/?page=2&key=",
    "sip:gold@queues.example.com;transport=tcp",
    "Bearer {{ token }}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "https://example.com/articles/2026/how-to-write-a-flow-in-five-minutes-or-less",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "550e8400-e29b-41d4-a716-446655440000",
    "Please press 1 for basic information.",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_key_or_password_is_noticed(text: str) -> None:
    assert list(secret_places({"a": [{"b": text}]})) == ["a.0.b"]


@pytest.mark.parametrize("text", HARMLESS)
def test_an_ordinary_text_is_left_alone(text: str) -> None:
    assert list(secret_places({"a": text})) == []


@pytest.mark.parametrize(
    ("row", "places"),
    [
        ({"name": "Authorization", "value": "hunter22"}, ["headers.0.value"]),
        ({"name": "X-Api-Key", "value": "hunter22"}, ["headers.0.value"]),
        ({"name": "X-Api-Key", "value": "{{ key }}"}, []),
        ({"name": "Accept", "value": "application/json"}, []),
    ],
)
def test_a_header_that_carries_a_secret_is_known_by_its_name(row: dict[str, str], places: list[str]) -> None:
    assert list(secret_places({"headers": [row]})) == places


def test_the_finding_says_where_and_not_what() -> None:
    url = SECRETS[12]
    steps = {
        "t": ("call_in", {"numbers": ["line"]}, {"next": "a"}),
        "a": ("fetch", {"url": url}, {"success": "end", "not_found": "end"}),
    }
    names = InstallationNames(numbers={"line": frozenset({"calls"})})
    (finding,) = check(flow(steps), KINDS, names)
    assert (finding.code, finding.severity, finding.step, finding.field) == ("looks_like_secret", "warning", "a", "url")
    assert "abc123" not in finding.sentence + finding.mend


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("{{ a }}", set()),
        ("{{ a | upper }}", set()),
        ("{{ a | default('x') }}", {"a"}),
        ("{{ a.b | default('x') }} {{ c }}", {"a"}),
        ("{{ a if a is defined else b }}", {"a"}),
        ("{{ a is not none and b }}", {"a"}),
        ("{{ (a ~ b) | default('x') }}", {"a", "b"}),
        ("{{ nonsense | ", set()),
    ],
)
def test_a_read_that_expects_nothing_is_known(source: str, names: set[str]) -> None:
    assert guarded_names(source) == names
