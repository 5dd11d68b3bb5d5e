"""People call while not one worker lives."""

import time
from collections.abc import Sequence

from tests.faults.calls import call_request, greeting_flow, is_the_flows
from tests.faults.driver import phone_of
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.oracle import percentile
from tests.faults.site import SitePlan, open_site
from tests.faults.tables import number
from tests.faults.traffic import end_consistent, milliseconds
from tests.faults.webhooks import ask_all

NAME = "calls-without-workers"
PROMISE = "With every worker dead the web process takes the turns of calls itself: every caller hears the flow."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")
ALONE = True

_CALLS = 50


def run(database: DatabaseKind, seed: int) -> Figures:
    """Fifty calls at the same moment."""
    figures = Figures()
    with open_site(SitePlan([greeting_flow()], database, seed=seed)) as site:
        port = site.ports["web"]
        site.keeper.kept.pop("worker-1").stop()
        started = time.monotonic()
        requests = [call_request(port, phone_of(n), n) for n in range(_CALLS)]
        answers = ask_all(port, requests, at_once=_CALLS, insists=False)
        spoken = sum(map(is_the_flows, answers))
        figures.values |= {
            "calls": _CALLS,
            "answered_with_200": sum(answer.status == 200 for answer in answers),
            "valid_documents_of_the_flow": spoken,
            "turns": number(site.settings, "SELECT count(*) FROM turns"),
            "p50_ms": milliseconds(percentile([answer.seconds for answer in answers], 50)),
            "slowest_ms": milliseconds(max(answer.seconds for answer in answers)),
            "all_after_s": round(time.monotonic() - started, 1),
        }
        figures.expect(spoken == _CALLS, "A caller did not hear the flow.")
        figures.expect(figures.values["turns"] == _CALLS, "A call's turn was taken twice.")
        return end_consistent(figures, site)
