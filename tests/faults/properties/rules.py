"""The rules: what contacts, people, the provider, authors and the machine may do, in any order."""

import sys
from collections import Counter
from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app import publishing
from app.db import to_microseconds
from app.models import Version
from flows import document
from tests.app.provider import Plan
from tests.faults.properties.flows import FLOWS, document_of
from tests.faults.properties.ledger import Ledger
from tests.faults.properties.look import Told
from tests.faults.properties.model import START, STOP, Contact
from tests.faults.properties.place import Place

NUMBERS: Final = ("both", "both", "lookup")  # of each contact
_MOST_DEATHS: Final = 3  # so that no event is ever set aside for them
_LATEST_ANSWER_SECONDS: Final = 20
_MONTH_SECONDS: Final = 31 * 86_400
_MOST_WAITS: Final = 80  # that come to their ends after an example
_ELSEWHERE: Final = {"both": "neither", "lookup": "keys"}

CONTACTS = st.sampled_from(range(len(NUMBERS)))
PLANS = ("later", "lose_answer", "drop", "unreachable", "refuse", "slow_down")
PLACES = ("commit:before", "settle:before", "begin:counted", "send:marked")
AUTHOR: Final = publishing.Order("ada", move_numbers=True)


class Rules(RuleBasedStateMachine):
    """One example. `place` is set by whoever runs it."""

    place: ClassVar[Place]
    tally: ClassVar[Counter[str]]  # of all examples

    def __init__(self) -> None:
        super().__init__()
        self.contacts = [Contact(number, FLOWS[number]) for number in NUMBERS]
        self.ledger = Ledger(self.contacts)
        self.room = self.place.room
        self.deaths = self.words = 0
        self._webhooks: list[tuple[int, str, str, int]] = []  # contact, provider id, text, event
        self._versions: dict[str, list[tuple[str, bool]]] = {number: [] for number in FLOWS}  # label, on its number
        self.place.renew()
        self.place.seen = self.compare

    @initialize()
    def begin(self) -> None:
        for number in FLOWS:
            self._publish(number)

    # contacts

    @rule(contact=CONTACTS)
    def write(self, contact: int) -> None:
        self._write(contact, f"words {self.words}")

    @rule(contact=CONTACTS)
    def write_and_wait(self, contact: int) -> None:
        self._write(contact, f"words {self.words}")
        self.place.work()

    @rule(contact=CONTACTS, opts_in=st.booleans())
    def opt(self, contact: int, opts_in: bool) -> None:
        self._write(contact, START if opts_in else STOP)

    @rule(which=st.integers(0, 30))
    def repeat_a_webhook(self, which: int) -> None:
        if not self._webhooks:
            return
        contact, provider_id, text, event_id = self._webhooks[-1 - which % len(self._webhooks)]
        put = self.room.write(text, NUMBERS[contact], _phone(contact), provider_id=provider_id)
        assert put.duplicate
        assert put.event_id == event_id, "a repeated webhook is the event that it was"

    # people

    @rule(which=st.integers(0, 30))
    def reply(self, which: int) -> None:
        self.words += 1
        self._act(which, "agent_replied", text=f"reply {self.words}")

    @rule(which=st.integers(0, 30))
    def take_over(self, which: int) -> None:
        self._act(which, "agent_took_over")

    @rule(which=st.integers(0, 30))
    def close(self, which: int) -> None:
        self._act(which, "agent_closed")

    # the provider

    @rule(plan=st.sampled_from(PLANS))
    def plan(self, plan: Plan) -> None:
        self.place.provider.plans.append(plan)

    @rule(which=st.integers(0, 30), rank=st.sampled_from((2, 4, 5, 6, 7)))
    def report(self, which: int, rank: int) -> None:
        taken = list(self.place.provider.taken.values())
        if not taken:
            return
        outgoing = taken[-1 - which % len(taken)]
        said = self.ledger.by_key[outgoing.key][1]
        number = self.ledger.by_key[outgoing.key][0].contact.number
        put = self.room.report(outgoing.effect_id, rank, number, error_kind="provider_code" if rank == 5 else "")
        assert put is not None
        if not put.duplicate:
            self.ledger.inputs[put.event_id] = Told(said, rank)

    @rule()
    def answer_late(self) -> None:
        """The provider takes the next message, but its answer is long in coming."""
        self.place.process.box.holds_back = True
        self.place.work()

    @rule()
    def let_answers_in(self) -> None:
        self.place.process.box.let_in()
        self.place.work()

    # authors

    @rule(number=st.sampled_from(tuple(FLOWS)))
    def publish_anew(self, number: str) -> None:
        self._publish(number)

    @rule(number=st.sampled_from(tuple(FLOWS)))
    def leave_the_number(self, number: str) -> None:
        self._publish(number, elsewhere=True)

    @rule(number=st.sampled_from(tuple(FLOWS)), which=st.integers(0, 30))
    def roll_back(self, number: str, which: int) -> None:
        versions = self._versions[number]
        label, stays = versions[which % len(versions)]
        with self.room.house.database.transaction() as session:
            row = publishing.find_flow(session, next(iter(FLOWS[number])), locked=True)
            made = publishing.roll_back(session, self.room.house, row, 1 + which % len(versions), AUTHOR)
            self._note_version(number, label, stays, made.version)

    # time and machines

    @rule(seconds=st.sampled_from((1, 20, 20, 100, 700)))
    def pass_time(self, seconds: int) -> None:
        self._pass(seconds)

    @rule(seconds=st.sampled_from((20, 100, 700, _MONTH_SECONDS)))
    def pass_time_and_work(self, seconds: int) -> None:
        self._pass(seconds)
        self.place.sweep()
        self.place.work()

    @rule()
    def round(self) -> None:
        self.place.round()

    @rule()
    def work(self) -> None:
        self.place.work()
        look = self.place.look()
        late = self.ledger.overdue(look.now, self.place.process.held)
        assert not late, f"{late} should have been handled"

    @precondition(lambda self: self.deaths < _MOST_DEATHS)
    @rule(contact=CONTACTS, passing=st.integers(1, 16))
    def write_and_die(self, contact: int, passing: int) -> None:
        self.deaths += 1
        self._write(contact, f"words {self.words}")
        self.place.die(passing)

    @precondition(lambda self: self.deaths < _MOST_DEATHS)
    @rule(contact=CONTACTS, place=st.sampled_from(PLACES))
    def write_and_freeze(self, contact: int, place: str) -> None:
        self.deaths += 1
        self._write(contact, f"words {self.words}")
        self.place.freeze(place)

    @rule()
    def replace(self) -> None:
        """Whatever it had in hand is lost with the process."""
        self.place.replace()

    # what must hold

    @invariant()
    def compare(self) -> None:
        """After every rule, and after every round."""
        self.ledger.tally["looks"] += 1
        self.ledger.compare(self.place.look())

    def teardown(self) -> None:
        """Everything comes to rest, and nothing is missing."""
        if sys.exc_info()[0] is not None:  # it is broken already
            return
        self.place.provider.plans.clear()
        for _ in range(_MOST_WAITS):
            self.place.process.box.let_in()
            self.work()
            if self.ledger.is_at_rest:
                break
            self._pass(self.ledger.next_end(self.place.look().now))
        look = self.place.look(at_rest=True)
        self.ledger.rest(look)
        self.tally.update(self.ledger.tally + look.counts + Counter(examples=1, deaths=self.deaths))

    def _write(self, contact: int, text: str) -> None:
        self.words += 1
        provider_id = f"webhook {self.words}"
        put = self.room.write(text, NUMBERS[contact], _phone(contact), provider_id=provider_id)
        at = self.room.one("SELECT created_at FROM inbound_events WHERE id = :id", id=put.event_id)["created_at"]
        self.ledger.came(self.contacts[contact], put.event_id, put.conversation_id, text, at)
        self._webhooks.append((contact, provider_id, text, put.event_id))

    def _pass(self, seconds: int) -> None:
        """No answer takes longer than 20 s."""
        if seconds >= _LATEST_ANSWER_SECONDS:
            self.place.process.box.let_in()
        self.room.move_clock(seconds)

    def _act(self, which: int, does: str, **told: str) -> None:
        """In the latest conversation of one of those who have written."""
        conversations = [one for contact in self.contacts for one in contact.conversations[-1:]]
        if conversations:
            put = self.room.act(conversations[which % len(conversations)].id, does, **told)
            self.ledger.inputs[put.event_id] = told.get("text", "")

    def _publish(self, number: str, *, elsewhere: bool = False) -> None:
        """A version with words of its own; `elsewhere` leaves the number to nobody."""
        label = f"v{len(self._versions[number]) + 1}"
        place = _ELSEWHERE[number] if elsewhere else number
        flow = document.from_data(document_of(FLOWS[number], label, place))
        with self.room.house.database.transaction() as session:
            if not self._versions[number]:
                publishing.create(session, flow, AUTHOR.author)
            row = publishing.find_flow(session, flow.name, locked=True)
            publishing.save(session, row, flow, row.latest_revision, AUTHOR.author)
            made = publishing.publish(session, self.room.house, row, 0, AUTHOR)
            self._note_version(number, label, not elsewhere, made.version)

    def _note_version(self, number: str, label: str, stays: bool, version: Version) -> None:
        self._versions[number].append((label, stays))
        self.ledger.published(number, to_microseconds(version.created_at), label if stays else None)


def _phone(contact: int) -> str:
    return f"+4860000000{contact}"
