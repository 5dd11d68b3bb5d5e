"""The ledger: what was done to the house, what it shows after each step, and whether both agree with the model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.faults.properties.look import Look, Row, Told
from tests.faults.properties.model import SECOND, Contact, Conversation
from tests.faults.properties.run import Said

REOPENS_SECONDS: Final = 30 * 86_400
OWN_RANKS: Final = {"queued": 1, "sending": 2, "unknown": 3, "sent": 4, "dead": 5, "cancelled": 5}
_MOST_FAILURES: Final = 8
_NEXT_ATTEMPT_SECONDS: Final = 30_000


@dataclass
class Ledger:
    """Compares. Every difference is an AssertionError with a sentence."""

    contacts: Sequence[Contact]
    inputs: dict[int, Any] = field(default_factory=dict)  # event -> a text, an agent's words, what a provider tells
    wrote: list[tuple[int, str]] = field(default_factory=list)  # conversation, text
    live: dict[str, list[tuple[int, str | None]]] = field(default_factory=dict)  # number -> since when, label
    by_key: dict[str, tuple[Conversation, Said]] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)  # events that were handled, by their kinds
    _conversations: dict[int, Conversation] = field(default_factory=dict)
    _rows: dict[int, Row] = field(default_factory=dict)
    _events: dict[int, Row] = field(default_factory=dict)
    _messages: int = 0
    _taken: int = 0
    _last_taken: dict[Conversation, int] = field(default_factory=dict)
    _attempts: dict[str, int] = field(default_factory=dict)

    # what was done

    def published(self, number: str, at: int, label: str | None) -> None:
        """From now on new runs are of that version; None: no flow answers."""
        self.live.setdefault(number, []).append((at, label))

    def came(self, contact: Contact, event_id: int, conversation_id: int, text: str, at: int) -> None:
        """A message was accepted at that instant."""
        latest = contact.conversations[-1] if contact.conversations else None
        closed_at = self._rows[latest.id]["closed_at"] if latest and latest.id in self._rows else None
        if latest is None or (closed_at is not None and at - closed_at > REOPENS_SECONDS * SECOND):
            assert conversation_id not in self._conversations, "a new conversation begins 30 days after the end"
            latest = self._conversations[conversation_id] = Conversation(contact, conversation_id)
            contact.conversations.append(latest)
        assert conversation_id == latest.id, "a message within 30 days reopens the conversation"
        latest.is_open = True
        self.inputs[event_id] = text
        self.wrote.append((conversation_id, text))

    # what the house shows

    def compare(self, look: Look) -> None:
        """After each step."""
        self._rows = {row["id"]: row for row in look.conversations}
        handled = self._handled(look)
        new: dict[int, list[Row]] = {}
        for row in look.messages[self._messages :]:
            if row["direction"] == "out":
                new.setdefault(row["conversation_id"], []).append(row)
        self._messages = len(look.messages)
        for event in handled:
            self._compare_handled(event, new.pop(event["conversation_id"], []))
            self.tally[f"{event['kind']} {event['state']}".removesuffix(" done")] += 1
        assert not new, f"messages that nobody expects: {new}"
        self._compare_effects(look)
        for event in handled:
            left = [
                one.text for one in self._conversations[event["conversation_id"]].cancelled if one.state == "queued"
            ]
            assert not left, f"{left} should be cancelled by {event['provider_id']}"
        self._compare_provider(look)
        self._compare_conversations()

    def rest(self, look: Look) -> None:
        """When everything has come to rest, nothing is open and nothing is missing."""
        times = Counter(key for key, _ in look.taken)
        for conversation, said in self.by_key.values():
            assert said.state in {"sent", "dead", "cancelled"}, f"{said.text!r} is {said.state}"
            assert times[said.key] == 1 or said.state != "sent", f"{said.text!r} was taken {times[said.key]} times"
            assert conversation.run is None, f"a run still waits in {conversation.run}"
        unhandled = [row["provider_id"] for row in look.events if row["state"] in {"waiting", "kept", "set_aside"}]
        assert not unhandled, f"{unhandled} were never handled"
        shown = [(row["conversation_id"], row["text"]) for row in look.messages if row["direction"] == "in"]
        assert shown == self.wrote, "what contacts wrote is shown once, in its order"

    def overdue(self, now: int, held: Sequence[int]) -> list[str]:
        """What should have happened by now; `held`: conversations in which an answer is waited for."""
        late = [
            f"the {conversation.run.waits.step.kind} of {conversation.id}"
            for conversation in self._conversations.values()
            if conversation.run and conversation.id not in held and (conversation.due or now) + SECOND < now
        ]
        return late + [
            row["provider_id"]
            for row in self._events.values()
            if row["state"] == "waiting" and row["kind"] != "timer_fired" and row["conversation_id"] not in held
        ]

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing will happen by itself any more."""
        open_messages = any(said.state in {"queued", "sending"} for _, said in self.by_key.values())
        return not open_messages and all(row["state"] not in {"waiting", "kept"} for row in self._events.values())

    def next_end(self, now: int) -> int:
        """In how many seconds the next wait ends; else a time after which messages are tried again."""
        ends = [one.due for one in self._conversations.values() if one.due is not None]
        return max(min(ends) - now, 0) // SECOND + 1 if ends else _NEXT_ATTEMPT_SECONDS

    def _handled(self, look: Look) -> list[Row]:
        """The events that were handled since the last look: of each conversation at most one, its first."""
        handled: list[Row] = []
        for row in look.events:
            assert not row["error"], f"{row['provider_id']} failed: {row['error']}"
            before = self._events.get(row["id"])
            if before is not None and before["state"] == "waiting" and row["state"] in {"done", "kept", "set_aside"}:
                begun = {**row, "now": before["now"]}  # of a kept one it is forgotten
                handled.append(begun)
                self._compare_order(begun)
        together = Counter(row["conversation_id"] for row in handled)
        assert all(count == 1 for count in together.values()), "one event a turn"
        self._events = {row["id"]: row for row in look.events}
        return handled

    def _compare_order(self, event: Row) -> None:
        for other in self._events.values():
            if other["conversation_id"] == event["conversation_id"] and other["state"] == "waiting":
                comes_first = (other["at"], other["seq"]) < (event["at"], event["seq"])
                was_there = other["created_at"] < event["now"]
                is_due = other["kind"] != "timer_fired" or other["at"] <= event["now"]
                assert not (comes_first and was_there and is_due), (
                    f"{event['provider_id']} was handled before {other['provider_id']}, which came first"
                )

    def _compare_handled(self, event: Row, new: Sequence[Row]) -> None:
        conversation = self._conversations[event["conversation_id"]]
        kept = set(conversation.kept)
        label = new[0]["text"].partition(":")[0] if new and new[0]["author"] == "flow" else None
        about = self._about(event)
        if event["kind"] == "message_received" and conversation.is_answered_anew(about):
            self._compare_version(conversation, label, event)
        state = conversation.handle(event, about, label)
        assert event["state"] == state, f"{event['provider_id']} is {event['state']} and should be {state}"
        wanted, got = [one.text for one in conversation.new], [row["text"] for row in new]
        assert got == wanted, f"after {event['kind']} {self.inputs.get(event['id'], '')!r}: {got} instead of {wanted}"
        for said, row in zip(conversation.new, new, strict=True):
            said.key = row["effect_key"]
            self.by_key[said.key] = conversation, said
        for id_ in kept - set(conversation.kept):
            now = "waiting" if id_ in conversation.released else "done"
            assert self._events[id_]["state"] == now, (
                f"a kept event is {self._events[id_]['state']} and should be {now}"
            )
        for id_ in conversation.kept:
            assert self._events[id_]["state"] == "kept", "what no step takes yet is kept"
        assert self._rows[conversation.id]["owner"] == conversation.owner, (
            f"after {event['kind']} it is {self._rows[conversation.id]['owner']}'s and should be {conversation.owner}'s"
        )

    def _about(self, event: Row) -> Any:
        if event["id"] in self.inputs:
            about = self.inputs[event["id"]]
            if isinstance(about, Told):
                self._note_told(about)
            return about
        if event["kind"] in {"message_accepted", "message_failed", "message_delivered"}:
            said = self.by_key[event["provider_id"].partition("/")[2]][1]
            if event["kind"] == "message_failed":
                assert said.state == "dead" or said.failed, f"{said.text!r} has not failed"
            return said
        return None

    def _note_told(self, told: Told) -> None:
        said = told.said
        if told.rank == 5:
            said.failed |= said.state != "queued"  # else an earlier attempt's refusal
        if told.rank != 5 or said.failed:
            said.reported = max(said.reported, told.rank)

    def _compare_version(self, conversation: Conversation, label: str | None, event: Row) -> None:
        changes = self.live[conversation.contact.number]
        before = [label for at, label in changes if at <= event["now"]]
        allowed = {*before[-1:], *(label for at, label in changes if event["now"] < at <= event["handled_at"])}
        assert label in allowed, f"a run began on {label}, but {allowed} was live"

    def _compare_effects(self, look: Look) -> None:
        attempts = Counter(look.attempts)
        for row in look.effects:
            conversation, said = self.by_key[row["key"]]
            was, said.state = said.state, row["state"]
            if row["state"] in {"sent", "dead", "unknown"} and was not in {"sent", "dead", "unknown"}:
                conversation.settled(said, row["settled_at"])
            self._compare_state(conversation, said, row, look.refused)
            if row["state"] == "cancelled":
                first = self._attempts.setdefault(said.key, attempts[said.key])
                assert attempts[said.key] == first, f"{said.text!r} was sent though it was cancelled"
        for row in look.messages:
            if row["direction"] == "out":
                self._compare_rank(self.by_key[row["effect_key"]][1], row["rank"])

    def _compare_state(self, conversation: Conversation, said: Said, row: Row, refused: Sequence[str]) -> None:
        match row["state"]:
            case "cancelled":
                assert said.may_be_cancelled, f"{said.text!r} was cancelled for nothing"
            case "dead":
                is_right = said.key in refused or said.failed or conversation.contact.has_opted_out
                assert is_right or row["failures"] >= _MOST_FAILURES - 1, f"{said.text!r} is dead for nothing"
            case "unknown":
                raise AssertionError(f"what became of {said.text!r} is unknown")

    def _compare_rank(self, said: Said, rank: int) -> None:
        goes_back = rank < said.rank and (said.rank, rank) != (2, 1)
        assert not goes_back, f"the rank of {said.text!r} fell from {said.rank} to {rank}"
        allowed = {max(OWN_RANKS[said.state], said.reported)}
        if said.state in {"queued", "sending"}:
            allowed |= {1, 2}
        assert rank in allowed, f"the rank of {said.text!r} is {rank} and should be {allowed}"
        said.rank = rank

    def _compare_provider(self, look: Look) -> None:
        for key, text in look.taken[self._taken :]:
            assert key in self.by_key, f"{text!r} left before it was stored"
            conversation, said = self.by_key[key]
            assert text == said.text
            place = conversation.said.index(said)
            assert place > self._last_taken.get(conversation, -1), f"{text!r} came twice, or out of order"
            self._last_taken[conversation] = place
        self._taken = len(look.taken)

    def _compare_conversations(self) -> None:
        waiting = {row["conversation_id"] for row in self._events.values()
                   if row["state"] == "waiting" and row["kind"] != "timer_fired"}  # fmt: skip
        for conversation in self._conversations.values():
            row = self._rows[conversation.id]
            assert row["owner"] == conversation.owner, f"it is {row['owner']}'s and should be {conversation.owner}'s"
            if conversation.id not in waiting:
                assert (row["state"] == "open") == conversation.is_open, f"it is {row['state']}, nobody expects that"
