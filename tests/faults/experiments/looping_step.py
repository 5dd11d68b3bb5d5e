"""A built-in step never comes back, in the same process in which thirty other conversations go on."""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from unittest.mock import patch

from app import wiring
from flows import document
from flows.document import Flow
from tests.app.drawn import drawn, placed, sends, starts_with
from tests.faults.driver import phone_of, signed_request
from tests.faults.echo_flow import NUMBER
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.installation import ACCOUNT, OURS
from tests.faults.keeper import python
from tests.faults.looping_worker import STEP_PACKAGES
from tests.faults.site import SitePlan, open_site
from tests.faults.tables import number, rows
from tests.faults.traffic import Traffic, end_consistent
from tests.faults.webhooks import ask_all

NAME = "looping-step"
PROMISE = (
    "A built-in step that computes for ever fails its own run only: it is caught after 10 s, its worker works again"
    " within 4 s of that, and others lose nothing."
)
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")

_GOOD = 30
_PER_SECOND = 5.0
_SECONDS = 55.0
_CAUGHT_SECONDS, _AGAIN_SECONDS = 10.0, 4.0
_SET_ASIDE = "SELECT count(*) FROM inbound_events WHERE state = 'set_aside'"
_FATES = "SELECT state, attempts, charged FROM inbound_events WHERE state <> 'done' AND kind = 'message_received'"


def run(database: DatabaseKind, seed: int) -> Figures:
    """One message loops; thirty contacts write on until it is set aside, and a while longer."""
    figures = Figures()
    with (
        patch.object(wiring, "STEP_PACKAGES", STEP_PACKAGES),
        open_site(SitePlan([_flow()], database, seed=seed)) as site,
    ):
        worker = site.keeper.kept["worker-1"]
        program = python(worker.command.name, "tests.faults.looping_worker")
        worker.command = replace(program, environment=worker.command.environment)
        worker.stop()
        worker.look()
        traffic = Traffic.of(site, int(_SECONDS * _PER_SECOND), _GOOD, seed)
        traffic.let_in(5.0, _PER_SECOND)
        ask_all(site.ports["web"], [_loop(site.ports["web"])])
        begun = time.monotonic()
        ended_after: list[float] = []

        def look() -> None:
            if not ended_after and number(site.settings, _SET_ASIDE):
                ended_after.append(time.monotonic() - begun)

        traffic.let_in(_SECONDS - 5.0, _PER_SECOND, look)
        traffic.finish(figures)
        traffic.wait("the loop is set aside", lambda: bool(number(site.settings, _SET_ASIDE)), 60)
        gaps = _gaps([one.at for one in traffic.sent()])
        figures.values |= {
            "others": _GOOD,
            "events_not_done": rows(site.settings, _FATES),
            "runs_failed": number(site.settings, "SELECT count(*) FROM problems WHERE kind = 'set_aside'"),
            "set_aside_after_s": round(ended_after[0], 1) if ended_after else "later",
            "longest_silence_s": round(max(gaps), 1),
            "others_delay_p50_ms": traffic.delay_ms(0, time.time(), 50),
            "others_delay_p99_ms": traffic.delay_ms(0, time.time(), 99),
        }
        figures.expect(number(site.settings, _SET_ASIDE) == 1, "More than the looping message was set aside.")
        longest = _CAUGHT_SECONDS + _AGAIN_SECONDS
        figures.expect(max(gaps) <= longest, f"The worker was not free after {longest:g} s.")
        return end_consistent(figures, site)


def _flow() -> Flow:
    steps = {
        "in": starts_with(NUMBER, "answer"),
        "answer": sends("answer to {{ message.text }}"),
        "loops": starts_with(NUMBER, "loop", "loop"),
        "loop": placed("loop_forever", {}, next="end"),
    }
    return document.from_data(drawn("Loops", steps))


def _loop(port: int) -> bytes:
    contact = phone_of(_GOOD)
    pairs = [("MessageSid", f"SM{0:032d}"), ("AccountSid", ACCOUNT), ("From", contact), ("To", OURS)]
    return signed_request(port, "messages", [*pairs, ("Body", "loop"), ("NumMedia", "0")], keep=False)


def _gaps(instants: Sequence[float]) -> list[float]:
    """The seconds from each instant to the next."""
    return [later - earlier for earlier, later in pairwise(instants)]
