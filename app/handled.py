"""What handling one event comes to: everything that must be committed together, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from flows.effect import ExpectWebhook, LabelConversation, PostToTeam, SendEmail, UpdateContact


@dataclass(frozen=True)
class Outgoing:
    """A message to be sent. `key` is its effect's; instants in microseconds. An empty `to` fails it at once."""

    key: str
    payload: str  # canonical JSON of flows.effect.SendMessage
    text: str
    media: str
    choices: str
    author: str  # flow, agent
    connection_id: int
    number_id: int
    to: str
    number: str = ""  # another number of ours by which it is to go; the commit finds out where that leads
    local: bool = False  # committing it is sending it
    not_before: int = 0  # microseconds; it may not leave earlier
    has_key: bool = False  # its provider ignores a repeated key, so an attempt that crashes is simply repeated
    error_kind: str = ""  # why it cannot be sent at all
    error: str = ""


@dataclass(frozen=True)
class RunState:
    """A run as it is to be stored."""

    id: int
    version_id: int
    state: str
    status: str
    outcome: str
    turn: int
    started_at: int
    step_version_id: int  # where it stands: the version whose step that is, which may be a called flow's
    step: str
    unasked_hours: str


@dataclass(frozen=True)
class Trouble:
    """Something that people should see; without a version it is the run's own, where there is one."""

    kind: str
    message: str
    step: str = ""
    version_id: int | None = None


@dataclass(frozen=True)
class RecordedTurn:
    """A finished turn for replay and for people."""

    run_id: int
    number: int
    event_id: int
    record: str
    trace: str


@dataclass(frozen=True)
class Timer:
    """The end of a wait. With `armed_by`, the limit begins when that message is settled."""

    run_id: int
    turn: int
    due_at: int  # microseconds
    armed_by: str | None = None
    limit_seconds: float | None = None


@dataclass(frozen=True)
class Entry:
    """A conversation's new place in a queue."""

    queue: str
    priority: int
    reason: str
    run_id: int | None
    state: str = "waiting"  # or active: an agent takes it at once
    if_room: bool = False  # the turn saw room in a queue that has a greatest length: it may be full by now


@dataclass(frozen=True)
class FollowUp:
    """A further event that the commit puts into the inbox, of this conversation or of another one."""

    provider_id: str
    kind: str
    happened: str
    conversation_id: int = 0  # 0 = this one


@dataclass
class Handled:
    """The outcome of one event (or of several joined ones) for one conversation, committed whole or not at all."""

    conversation_id: int
    connection_id: int
    number_id: int
    fence: int
    owner: str
    state: str  # open, closed
    run_id: int | None
    call_turn: int
    pending_verbs: str
    call_ended: bool
    done: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    queued: list[int] = field(default_factory=list)  # they begin a run when nobody has the conversation any more
    dropped: list[int] = field(default_factory=list)
    set_aside: list[tuple[int, str]] = field(default_factory=list)  # event id and why
    runs: list[RunState] = field(default_factory=list)  # at most one ended and one going on
    turns: list[RecordedTurn] = field(default_factory=list)
    counts: list[tuple[int, str, str, bool]] = field(default_factory=list)  # version, step, exit, failed
    messages: list[Outgoing] = field(default_factory=list)
    # With the keys of their effects, and the microseconds before which they may not leave.
    letters: list[tuple[str, SendEmail | PostToTeam, int]] = field(default_factory=list)
    timer: Timer | None = None
    cancelled: list[str] = field(default_factory=list)  # keys of effects that must not leave any more
    cancels_runs: list[int] = field(default_factory=list)  # runs none of whose messages may leave any more
    cancels_flows: bool = False  # nothing that a flow says in the conversation, though it has ended, may leave any more
    cancels_all: bool = False  # no message of the conversation may leave any more
    hurries: bool = False  # what its run has put off to the morning may leave now: the contact is awake
    entry: Entry | None = None
    leaves: str = ""  # the state the live entry ends in
    activates: bool = False  # an agent has taken the waiting entry up
    updates: list[UpdateContact] = field(default_factory=list)  # what is written about the contact, in this order
    labels: list[LabelConversation] = field(default_factory=list)  # what the conversation is about, in this order
    expects: list[ExpectWebhook] = field(default_factory=list)  # webhooks that its run waits for from now on
    returned: list[int] = field(default_factory=list)  # events of webhooks that the run had no use for any more
    opted_out: bool | None = None
    problems: list[Trouble] = field(default_factory=list)
    follow_ups: list[FollowUp] = field(default_factory=list)
    releases_kept: bool = False  # the kept events are taken from here on
    finishes_kept: bool = False  # the kept events are over: people have read the messages
    shown: bool = False  # one of its messages is shown to people, who need not see it any more when it is handled
    document: tuple[str, str, str] | None = None  # provider id, text, media type
    reports: list[Mapping[str, Any]] = field(default_factory=list)  # statuses of messages: effect_id, rank, …
    first_recheck_seconds: float = 0  # > 0: the first message leaves with the commit; when a crash of it is looked at

    @property
    def releases_queued(self) -> bool:
        """Whether what waits to begin a run may do so: nobody has the conversation any more."""
        return self.owner == "none" and bool(self.runs or self.leaves) and not self.queued

    @property
    def cancels(self) -> bool:
        """Whether messages that were queued before may not leave any more, or sooner: their line is read again."""
        return bool(self.cancelled or self.cancels_runs or self.cancels_flows or self.cancels_all or self.hurries)

    @property
    def messages_changed(self) -> bool:
        """Whether a live view of the conversation has something new to show."""
        return bool(self.messages or self.reports or self.cancels)


@dataclass(frozen=True)
class Unsent:
    """A message in the outbox that is not settled. Instants in microseconds."""

    id: int
    key: str
    kind: str
    conversation_id: int | None
    connection_id: int
    number_id: int
    run_id: int | None
    payload: str
    to: str
    state: str
    attempts: int
    failures: int
    crashes: int
    sending_at: int | None
    next_attempt_at: int
    created_at: int


UNSENT: Final = ", ".join(f'"{part.name}"' for part in fields(Unsent))
"""The columns of the outbox that `unsent_of` reads, as every statement lists them."""


def unsent_of(rows: Sequence[Any]) -> list[Unsent]:
    """Rows of the outbox, with the columns of UNSENT, as data."""
    return [Unsent(*row) for row in rows]
