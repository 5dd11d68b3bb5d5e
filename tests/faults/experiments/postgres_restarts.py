"""PostgreSQL is ended at once (as by a crash) every twenty seconds and stays away for three, while messages come."""

import time
from collections import Counter
from collections.abc import Sequence

from tests.faults.echo_flow import echo_flow
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.site import SitePlan, open_site
from tests.faults.traffic import Traffic, end_consistent

NAME = "postgres-restarts"
PROMISE = "While PostgreSQL is away webhooks get 503 with Retry-After, then all goes on: nothing lost, nothing twice."
DATABASES: Sequence[DatabaseKind] = ("postgresql",)

_PER_SECOND = 10.0
_TIMES, _EVERY_SECONDS, _AWAY_SECONDS = 5, 20.0, 3.0


def run(database: DatabaseKind, seed: int) -> Figures:
    """A hundred seconds, ten messages a second."""
    figures = Figures()
    messages = int(_TIMES * _EVERY_SECONDS * _PER_SECOND)
    with open_site(SitePlan([echo_flow(notes=False)], database, seed=seed, workers=2)) as site:
        assert site.server is not None
        traffic = Traffic.of(site, messages, 100, seed)
        for _ in range(_TIMES):
            traffic.let_in(_EVERY_SECONDS - _AWAY_SECONDS, _PER_SECOND)
            site.server.stop(immediately=True)
            traffic.let_in(_AWAY_SECONDS, _PER_SECOND)
            site.server.start()
        started = time.monotonic()
        traffic.finish(figures)
        answers = traffic.driver.answers
        refused = [one for one in answers if one.status == 503]
        figures.values |= {
            "restarts": _TIMES,
            "answers_by_status": {
                str(status): count for status, count in Counter(one.status for one in answers).items()
            },
            "refused_with_retry_after": sum("retry-after" in one.headers for one in refused),
            "all_answered_after_s": round(time.monotonic() - started, 1),
        }
        strange = {one.status for one in answers} - {200, 503}
        figures.expect(not strange, f"A webhook was answered with {strange} (0: not at all).")
        figures.expect(all("retry-after" in one.headers for one in refused), "A 503 does not say when to come again.")
        figures.expect(bool(refused), "PostgreSQL was never missed: it was away for too short a time.")
        return end_consistent(figures, site)
