"""A worker is frozen in the middle of its turns and sends, another takes them over, and then the first one wakes."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.faults.driver import message_request, phone_of
from tests.faults.echo_flow import echo_flow
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.keeper import children_of, python, wait_for
from tests.faults.oracle import taken
from tests.faults.site import Site, SitePlan, open_site
from tests.faults.tables import number
from tests.faults.traffic import end_consistent, stay
from tests.faults.webhooks import ask_all

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


def run(database: DatabaseKind, seed: int) -> Figures:
    """Twice: frozen while the flow waits for an API's answer, and while the provider has the messages."""
    figures = Figures()
    flow = echo_flow(notes=False)
    plan = SitePlan([flow], database, seed=seed, api_delay_ms=_API_MS, provider_delay_ms=_API_MS)
    with open_site(plan) as site:
        for round_, (where, under_way) in enumerate((("in_turns", _UNDER_WAY), ("in_sends", _SENDING)), start=1):
            seconds = _freeze(site, round_, lambda query=under_way: number(site.settings, query) >= _CONTACTS // 2)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            figures.values[f"all_answered_{where}_s"] = round(seconds, 1)
        sent = taken(site.provider_log.read())
        figures.values["executions"] = number(site.settings, "SELECT sum(attempts) FROM inbound_events")
        figures.values["commits"] = number(site.settings, "SELECT count(*) FROM turns")
        figures.values["sends"] = len(sent)
        figures.expect(figures.values["commits"] == 2 * _CONTACTS, "A turn was committed twice, or never.")
        figures.expect(len(sent) == 2 * _CONTACTS, "The provider took a message twice, or never.")
        figures.expect(len({(one.contact, one.number) for one in sent}) == 2 * _CONTACTS, "A message is missing.")
        return end_consistent(figures, site)


def _freeze(site: Site, round_: int, is_under_way: Callable[[], bool]) -> float:
    """Freezes the worker when it is so; how long after that everything was answered."""
    first = site.keeper.kept["worker-1"]
    wait_for("the worker has its child", lambda: bool(children_of(first.pid)), 30)
    child = children_of(first.pid)[0]
    ask_all(site.ports["web"], [message_request(site.ports["web"], phone_of(n), round_) for n in range(_CONTACTS)])
    wait_for("it is under way", is_under_way, 30)
    frozen, frozen_at = (first.pid, child), time.monotonic()
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
