"""What a fault run has left in the tables: what the product itself says of messages whose outcome is unknown."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from tests.faults.oracle import Key, number_of
from tests.faults.provider import UNANSWERED
from tests.faults.tables import number, rows

_SENDS = "SELECT \"to\", payload, state, attempts, sending_at, settled_at FROM effects WHERE kind = 'send_message'"
_SHOWN = "SELECT count(*) FROM problems WHERE kind = 'outcome_unknown' AND step = ''"
_SET_ASIDE = "SELECT count(*) FROM inbound_events WHERE state = 'set_aside'"
_ATTEMPTS = "SELECT coalesce(max(attempts), 0), coalesce(max(charged), 0) FROM inbound_events"
_IN_SHORT = (
    (
        "SELECT e.state, e.kind, e.attempts, e.charged, e.error, count(*) FROM inbound_events e"
        " WHERE e.state NOT IN ('done', 'dropped') GROUP BY 1, 2, 3, 4, 5"
    ),
    "SELECT state, kind, attempts, error, count(*) FROM effects WHERE state <> 'sent' GROUP BY 1, 2, 3, 4",
    "SELECT state, owner, run_id IS NULL, not_before_at IS NULL, count(*) FROM conversations GROUP BY 1, 2, 3, 4",
    "SELECT status, outcome, count(*) FROM runs GROUP BY 1, 2",
    "SELECT kind, message, count(*) FROM problems GROUP BY 1, 2",
    "SELECT kind, server_pid, heartbeat_at FROM workers",
)
_LONGEST_SEND_SECONDS = 20.0  # one that took longer got no answer
_SLACK_SECONDS = 0.5


@dataclass(frozen=True)
class Send:
    """A message to be sent, as its outbox row says; instants as of time.time()."""

    key: Key
    state: str
    began_at: float
    settled_at: float
    repeated: bool  # no answer came, or the provider did not take it

    def holds_up(self, key: Key, accepted_at: float) -> bool:
        """Whether an answer to that message had to wait for what came of this one."""
        return self.key[0] == key[0] and self.key[1] <= key[1] and self.settled_at >= accepted_at


@dataclass(frozen=True)
class Aftermath:
    """The sends, how many unknown ones people are shown, and how events fared."""

    sends: Sequence[Send]
    shown: int
    set_aside: int
    most_attempts: int  # of one event
    most_charged: int

    @property
    def unknown(self) -> Sequence[Send]:
        """Those whose outcome is unknown."""
        return [one for one in self.sends if one.state == "unknown"]

    def unexplained(
        self, troubles: Sequence[Mapping[str, str]], blows: Sequence[tuple[float, str]], missing: Sequence[Key]
    ) -> list[str]:
        """What contradicts “shown as unknown are exactly the sends that began and got no answer”, a sentence each."""
        unknown = {one.key: one for one in self.unknown}
        unanswered = {(line["to"], number_of(line["body"])) for line in troubles if line["trouble"] in UNANSWERED}
        deaths = [at for at, what in blows if what.startswith(("worker", "database"))]
        unkilled = [
            key
            for key, one in unknown.items()
            if key not in unanswered
            and not any(one.began_at - _SLACK_SECONDS <= at <= one.settled_at + _SLACK_SECONDS for at in deaths)
        ]
        shown = [f"{len(unknown)} sends are unknown, {self.shown} are shown."] if len(unknown) != self.shown else []
        return [
            *(f"{key} got no answer and is not shown as unknown." for key in sorted(unanswered - unknown.keys())),
            *(f"{key} is missing and not shown as unknown." for key in missing if key not in unknown),
            *(f"{key} is unknown, though it had an answer and nobody was killed." for key in unkilled),
            *shown,
        ]


def read(settings: Settings) -> Aftermath:
    """Reads the tables now."""
    sends = [_send(*row) for row in rows(settings, _SENDS)]
    return Aftermath(sends, number(settings, _SHOWN), number(settings, _SET_ASIDE), *rows(settings, _ATTEMPTS)[0])


def held_up(aftermath: Aftermath, accepted: Mapping[Key, float]) -> set[Key]:
    """The messages whose answers waited for a send without an answer."""
    repeated: dict[str, list[Send]] = defaultdict(list)
    for one in aftermath.sends:
        if one.repeated:
            repeated[one.key[0]].append(one)
    return {key for key, at in accepted.items() if any(one.holds_up(key, at) for one in repeated[key[0]])}


def is_quiet(settings: Settings) -> bool:
    """Whether nothing is due or on its way; only for knowing when to stop, never for the verdict."""
    events = "SELECT count(*) FROM inbound_events WHERE state = 'waiting' AND kind <> 'timer_fired'"
    effects = "SELECT count(*) FROM effects WHERE state IN ('queued', 'sending') AND kind = 'send_message'"
    try:
        return not number(settings, events) and not number(settings, effects)
    except SQLAlchemyError:
        return False


def in_short(settings: Settings) -> list[str]:
    """What stands in the tables, for whoever looks for the cause."""
    return [f"{row}  <- {query[:60]}" for query in _IN_SHORT for row in rows(settings, query)]


def _send(to: str, payload: str, state: str, attempts: int, sending_at: int | None, settled_at: int | None) -> Send:
    text = json.loads(payload)["text"]
    began, settled = (sending_at or 0) / 1e6, (settled_at or 0) / 1e6
    repeated = attempts > 1 or settled - began > _LONGEST_SEND_SECONDS or state == "unknown"
    return Send((to, number_of(text)), state, began, settled, repeated)
