"""A provider sends each webhook three times at the same moment."""

from collections.abc import Sequence

from tests.faults.calls import call_request, greeting_flow, is_the_flows
from tests.faults.driver import message_request, phone_of
from tests.faults.echo_flow import echo_flow
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.keeper import wait_for
from tests.faults.oracle import taken
from tests.faults.site import SitePlan, open_site
from tests.faults.tables import number
from tests.faults.traffic import end_consistent, stay
from tests.faults.webhooks import ask_all

NAME = "same-webhook-three-times"
PROMISE = (
    "The same webhook three times in parallel is one row, one answer to the contact, and the same reply each time."
)
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")

_MESSAGES, _CALLS = 900, 100
_AT_ONCE = 30
_ROWS = "SELECT count(*) FROM inbound_events WHERE kind IN ('message_received', 'call_started')"


def run(database: DatabaseKind, seed: int) -> Figures:
    """900 messages of 90 contacts and 100 calls."""
    figures = Figures()
    with open_site(SitePlan([echo_flow(notes=False), greeting_flow()], database, seed=seed)) as site:
        port = site.ports["web"]
        messages = [message_request(port, phone_of(n % 90), n // 90) for n in range(_MESSAGES)]
        calls = [call_request(port, phone_of(n), n) for n in range(_CALLS)]
        requests = [request for one in (*messages, *calls) for request in (one, one, one)]
        answers = ask_all(port, requests, _AT_ONCE)
        alike = sum(len({answer.body for answer in answers[n : n + 3]}) == 1 for n in range(0, len(answers), 3))
        spoken = sum(is_the_flows(answer) for answer in answers[3 * _MESSAGES :])
        wait_for("all messages are answered", lambda: len(site.provider_log.read().lines) >= _MESSAGES, 60)
        stay(site, 2.0)
        sent = taken(site.provider_log.read())
        figures.values |= {
            "ids": _MESSAGES + _CALLS,
            "webhooks": len(answers),
            "rows": number(site.settings, _ROWS),
            "ids_answered_alike": alike,
            "voice_documents": spoken,
            "sends": len(sent),
        }
        figures.expect(figures.values["rows"] == _MESSAGES + _CALLS, "A webhook is no row, or more than one.")
        figures.expect(alike == _MESSAGES + _CALLS, "The same webhook was answered in two ways.")
        figures.expect(spoken == 3 * _CALLS, "A caller did not hear the flow.")
        figures.expect(
            len({(one.contact, one.number) for one in sent}) == len(sent) == _MESSAGES, "Lost or sent twice."
        )
        return end_consistent(figures, site)
