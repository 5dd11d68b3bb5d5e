"""A worker is frozen in the middle of its turns and sends, another takes them over, and then the first one wakes."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial

import psycopg

from tests.faults.driver import message_request, phone_of
from tests.faults.echo_flow import echo_flow
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.keeper import children_of, python, wait_for
from tests.faults.oracle import taken
from tests.faults.site import Site, SitePlan, open_site
from tests.faults.tables import number
from tests.faults.traffic import end_consistent, stay
from tests.faults.webhooks import ask_all
from tests.postgres import PostgresServer

NAME = "frozen-worker"
PROMISE = "A frozen worker that wakes after its takeover changes nothing: one commit and one send of each message."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")

_CONTACTS = 12
_FREEZE_SECONDS = 25.0  # after 20 s a silent process is taken to be frozen
_API_MS = 5_000.0
_UNDER_WAY = "SELECT count(*) FROM inbound_events WHERE state = 'waiting' AND attempts > 0"
_WAITING = "SELECT count(*) FROM inbound_events WHERE state = 'waiting'"
_UNSENT = "SELECT count(*) FROM effects WHERE state <> 'sent' AND kind = 'send_message'"
_SENDING = "SELECT count(*) FROM effects WHERE state = 'sending'"
_HELD_UP = """
    SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE conversations SET fence%'
"""
Moment = Callable[[], AbstractContextManager[None]]


def run(database: DatabaseKind, seed: int) -> Figures:
    """Frozen while the flow waits for an API's answer, while the provider has the messages, and on PostgreSQL while its
    commit holds the conversations' rows."""
    figures = Figures()
    plan = SitePlan([echo_flow(notes=False)], database, seed=seed, api_delay_ms=_API_MS, provider_delay_ms=_API_MS)
    with open_site(plan) as site:
        moments: dict[str, Moment] = {
            "in_turns": partial(_half_of, site, _UNDER_WAY),
            "in_sends": partial(_half_of, site, _SENDING),
        }
        if site.server is not None:
            moments["in_a_commit"] = partial(_commit_begins, site.server)
        for round_, (where, moment) in enumerate(moments.items(), start=1):
            figures.values[f"all_answered_{where}_s"] = round(_freeze(site, round_, moment), 1)
        sent, messages = taken(site.provider_log.read()), len(moments) * _CONTACTS
        figures.values["executions"] = number(site.settings, "SELECT sum(attempts) FROM inbound_events")
        figures.values["commits"] = number(site.settings, "SELECT count(*) FROM turns")
        figures.values["sends"] = len(sent)
        figures.expect(figures.values["commits"] == messages, "A turn was committed twice, or never.")
        figures.expect(len(sent) == messages, "The provider took a message twice, or never.")
        figures.expect(len({(one.contact, one.number) for one in sent}) == messages, "A message is missing.")
        return end_consistent(figures, site)


@contextmanager
def _half_of(site: Site, query: str) -> Iterator[None]:
    """The moment at which the query counts half of the contacts."""
    wait_for("it is under way", lambda: number(site.settings, query) >= _CONTACTS // 2, 30)
    yield


@contextmanager
def _commit_begins(server: PostgresServer) -> Iterator[None]:
    """A commit waits for rows that are ours; it gets them afterwards, and its process hears nothing of that."""
    with psycopg.connect(server.url("site")) as ours:
        ours.execute("SELECT id FROM conversations FOR UPDATE")
        wait_for("a commit waits", lambda: bool(server.execute(_HELD_UP)[0][0]), 30)
        yield
        ours.rollback()


def _freeze(site: Site, round_: int, moment: Moment) -> float:
    """Freezes the worker at that moment; how long after it everything was answered."""
    first = site.keeper.kept["worker-1"]
    wait_for("the worker has its child", lambda: bool(children_of(first.pid)), 30)
    frozen = (first.pid, children_of(first.pid)[0])
    ask_all(site.ports["web"], [message_request(site.ports["web"], phone_of(n), round_) for n in range(_CONTACTS)])
    with moment():
        frozen_at = time.monotonic()
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
    site.keeper.add(replace(python("worker-2", "app.cli", "worker"), environment=first.command.environment))

    def is_settled() -> bool:
        return not number(site.settings, _WAITING) and not number(site.settings, _UNSENT)

    if site.server is not None:
        wait_for("everything is answered by the second worker", is_settled, 60)
    else:
        stay(site, _FREEZE_SECONDS)  # no server can take a frozen process's locks away
    settled_seconds = time.monotonic() - frozen_at
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    if site.server is None:
        wait_for("everything is answered by whoever woke", is_settled, 60)
        settled_seconds = time.monotonic() - frozen_at
    stay(site, 4.0)
    site.keeper.kept.pop("worker-2").stop()
    return settled_seconds
