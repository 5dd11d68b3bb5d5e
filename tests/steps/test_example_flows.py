"""The two flows a newcomer finds, walked to their ends through the real interpreter against the real example API."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from examples.customer_api import CUSTOMERS, ORDER_TROUBLE, ORDERS, TROUBLE, reply_to, serve
from flows import document
from flows.ask import Answer, HttpAnswer, HttpRequest, QueueStateAnswer
from flows.check import InstallationNames, check
from flows.effect import Dial, Effect, EnterQueue, Pause, Say, SendMessage
from flows.event import Answered, CallerHungUp, DialEnded, Event, Happening, MessageAccepted, MessageReceived, QueueLeft
from flows.facts import Facts
from flows.interpreter import advance, begin
from flows.limits import Limits
from flows.run import Run
from flows.values import Value
from flows.wire import read, write
from tests.steps.visits import CALL, HELLO, NOW, STEPS

FOLDER = Path(__file__).parents[2] / "examples" / "flows"
NAMES = InstallationNames(
    queues=frozenset({"standard", "gold", "platinum", "people"}),
    numbers={"support-line": frozenset({"calls", "messages"}), "web-chat": frozenset({"messages"})},
    constants=frozenset({"customer_api"}),
)
PLATINUM, GOLD, SILVER = "+48500100100", "+48500100200", "+48500100300"
BROKEN, PAGE, UNKNOWN = "+48500100901", "+48500100902", "+48500999999"


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    with serve(0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Walk:
    """One conversation in an example flow; the host's part is played by asking the API and by open, empty queues."""

    def __init__(self, name: str, contact: Mapping[str, Value], api: str) -> None:
        self.flow = document.read((FOLDER / f"{name}.json").read_bytes())
        on_call = name == "vip_calls"
        conversation: dict[str, Value] = {"kind": "call" if on_call else "messages", "number": "support-line"}
        self.facts = Facts(contact=contact, conversation=conversation, constants={"customer_api": api})
        self.effects: list[Effect] = []
        trigger = next(id for id, step in self.flow.steps.items() if step.type.startswith("incoming_"))
        self.run = begin("v1", self.flow, trigger, self._event(HELLO), "walk")

    def feed(self, happened: Happening) -> "Walk":
        turn = advance({"v1": self.flow}, read(Run, write(self.run)), self._event(happened), Limits(), STEPS)
        while turn.ask is not None:
            assert turn.run.open_turn is not None
            given = Answered(turn.run.open_turn.n, self._answer(turn.ask))
            turn = advance({"v1": self.flow}, read(Run, write(turn.run)), self._event(given), Limits(), STEPS)
        self.run = turn.run
        self.effects = list(turn.effects)
        return self

    def _event(self, happened: Happening) -> Event:
        return Event(happened, NOW, NOW, self.facts, "e")

    def _answer(self, request: object) -> Answer:
        if not isinstance(request, HttpRequest):
            return QueueStateAnswer(exists=True, waiting_text={"en": "Please hold the line."})
        try:
            with urllib.request.urlopen(request.url, timeout=5) as answered:
                return HttpAnswer(answered.status, body=answered.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                return HttpAnswer(refused.code, body=refused.read().decode())


@pytest.mark.parametrize("name", ["vip_calls", "vip_messages"])
def test_an_example_flow_is_canonical_and_has_nothing_to_mend(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text()
    flow = document.read(text)
    assert document.write(flow) == text
    assert check(flow, STEPS, NAMES) == []
    assert set(flow.layout["at"]) == set(flow.steps)


STANDARD: list[Effect] = [
    EnterQueue("standard", reason="VIP calls: standard"),
    Say("Please hold the line.", language="en"),
    Pause(10),
]
CALLS: list[tuple[str, list[Effect]]] = [
    (PLATINUM, [Dial(sip="sip:platinum@queues.example.com;transport=tcp", ring_seconds=60)]),
    (GOLD, [Dial(sip="sip:gold@queues.example.com;transport=tcp", ring_seconds=60)]),
    (SILVER, STANDARD),
    (UNKNOWN, STANDARD),
    (BROKEN, STANDARD),
    (PAGE, STANDARD),
]


@pytest.mark.parametrize(("phone", "effects"), CALLS)
def test_a_call_is_forwarded_by_the_callers_status(phone: str, effects: list[Effect], api: str) -> None:
    assert Walk("vip_calls", {"phone": phone}, api).feed(CALL).effects == effects


def test_a_vip_whose_queue_is_busy_goes_to_the_standard_one_and_ends_when_it_is_closed(api: str) -> None:
    walk = Walk("vip_calls", {"phone": PLATINUM}, api).feed(CALL).feed(DialEnded("busy"))
    assert walk.effects == STANDARD
    assert walk.feed(QueueLeft("closed")).run.outcome == "completed"


def test_a_caller_nobody_answers_in_time_hears_an_apology(api: str) -> None:
    walk = Walk("vip_calls", {"phone": SILVER}, api).feed(CALL).feed(QueueLeft("timed_out"))
    assert walk.effects == [Say("Sorry, nobody can answer now. Please call again later.", language="en")]


def test_a_caller_who_hangs_up_gets_a_message(api: str) -> None:
    walk = Walk("vip_calls", {"phone": GOLD}, api).feed(CALL).feed(CallerHungUp())
    assert walk.effects == [SendMessage("Sorry that we missed your call.", language="en")]
    assert walk.feed(MessageAccepted("walk/1/0")).run.outcome == "completed"


@pytest.mark.parametrize(
    ("phone", "queue"),
    [(PLATINUM, "platinum"), (GOLD, "gold"), (SILVER, "standard"), (UNKNOWN, "standard"), (BROKEN, "standard")],
)
def test_a_message_of_a_known_contact_reaches_the_right_queue_at_once(phone: str, queue: str, api: str) -> None:
    walk = Walk("vip_messages", {"phone": phone}, api).feed(HELLO)
    assert [effect.queue for effect in walk.effects if isinstance(effect, EnterQueue)] == [queue]
    assert isinstance(walk.effects[0], SendMessage)


def test_an_unknown_contact_is_asked_for_the_number_until_it_is_one(api: str) -> None:
    walk = Walk("vip_messages", {}, api).feed(HELLO)
    assert [type(effect) for effect in walk.effects] == [SendMessage]
    walk.feed(MessageReceived("I do not know"))
    assert [type(effect) for effect in walk.effects] == [SendMessage]
    walk.feed(MessageReceived("500 100 200"))
    greeting = "Welcome back, Piotr Nowak. You are a gold customer: a colleague answers you here very soon."
    assert walk.effects == [SendMessage(greeting, language="en"), EnterQueue("gold", reason="VIP messages: gold")]
    assert walk.feed(QueueLeft("closed")).run.outcome == "completed"


def test_the_customer_api_knows_its_customers_and_lists_its_troubles() -> None:
    for phone, facts in CUSTOMERS.items():
        known = reply_to(f"/customers/{phone.replace('+', '%2B')}")
        assert (known.status, json.loads(known.content)) == (200, {"phone": phone, **facts})
    guide = reply_to("/").content.decode()
    assert all(phone in guide for phone in (*CUSTOMERS, *TROUBLE))
    assert reply_to("/customers/+48999").status == 404
    assert reply_to("/elsewhere").status == 404


def test_the_customer_api_knows_its_orders() -> None:
    guide = reply_to("/").content.decode()
    for number, facts in ORDERS.items():
        reply = reply_to(f"/orders/{number}")
        told = json.loads(reply.content)
        assert (reply.status, told["number"], told["status"]) == (200, number, facts["status"])
        assert told.keys() >= {"total", "currency", "paid", "payment_url"}
    assert all(f"/orders/{number}  " in guide for number in (*ORDERS, *ORDER_TROUBLE))
    assert reply_to("/orders/9999").status == 404
    assert reply_to("/orders/1009").status == 503


@pytest.mark.parametrize(
    ("number", "begins", "queue"),
    [
        ("1001", "Your order 1001 is on its way and arrives on ", None),
        ("1002", "Your order 1002 is being packed.", None),
        ("1003", "Your order 1003 was delivered on ", None),
        ("1009", "Our order system does not answer", "standard"),
        ("9999", "We have no order 9999.", None),
    ],
)
def test_the_order_flow_understands_the_api(number: str, begins: str, queue: str | None, api: str) -> None:
    walk = Walk("order_status", {}, api).feed(HELLO).feed(MessageReceived(number))
    (told,) = walk.effects
    assert isinstance(told, SendMessage)
    assert told.text.startswith(begins)
    key = f"walk/{walk.run.turn - 1}/0"
    after = walk.feed(MessageAccepted(key)).effects
    assert [one.queue for one in after if isinstance(one, EnterQueue)] == ([queue] if queue else [])


@pytest.mark.parametrize(
    ("phone", "status", "begins"),
    [
        (BROKEN, 500, b"{"),
        (PAGE, 200, b"<!doctype"),
        ("+48500100903", 200, b""),
        ("+48500100904", 200, b'{"status": "gold"'),
        ("+48500100907", 429, b"{"),
    ],
)
def test_a_number_that_misbehaves_does_so_as_documented(phone: str, status: int, begins: bytes) -> None:
    reply = reply_to(f"/customers/{phone}")
    assert (reply.status, reply.content[: len(begins)]) == (status, begins)
