"""The sweeper is killed every two seconds; then there are three of them at once."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from flows import document
from tests.app.drawn import interview
from tests.faults.driver import phone_of
from tests.faults.echo_flow import NUMBER
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.keeper import kill, python
from tests.faults.oracle import percentile
from tests.faults.site import Site, SitePlan, open_site
from tests.faults.tables import rows
from tests.faults.traffic import Traffic, end_consistent

NAME = "sweeper-kills"
PROMISE = "Timers fire once and in time, whether the sweeper dies every two seconds or there are three."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")

_TIMERS, _PER_SECOND, _LIMIT = 150, 10.0, 10
_KILL_EVERY_SECONDS = 2.0
_MOST_LATE_SECONDS = 2.0
_DUE = (
    "SELECT a.value, e.due_at FROM inbound_events e JOIN conversations c ON c.id = e.conversation_id"
    " JOIN addresses a ON a.id = c.address_id WHERE e.kind = 'timer_fired'"
)
_LATE = "Too late"


def run(database: DatabaseKind, seed: int) -> Figures:
    """150 questions run out in each part; two messages a contact come from the provider's log."""
    figures = Figures()
    flow = document.from_data(interview(NUMBER, time_limit_seconds=_LIMIT))
    with open_site(SitePlan([flow], database, seed=seed)) as site:
        traffic = Traffic.of(site, 2 * _TIMERS, 2 * _TIMERS, seed)
        killer = _Killer(site)
        _part(traffic, _TIMERS, killer.look)
        environment = site.keeper.kept["sweeper"].command.environment
        for name in ("sweeper-2", "sweeper-3"):
            site.keeper.add(replace(python(name, "app.cli", "sweep"), environment=environment))
        _part(traffic, 2 * _TIMERS, lambda: None)
        told = [line for line in site.provider_log.read().lines if line["body"] == _LATE]
        due = {contact: at / 1_000_000 for contact, at in rows(site.settings, _DUE)}
        late = [line["at"] - due[line["to"]] for line in told]
        fired = Counter(line["to"] for line in told)
        figures.values |= {
            "timers": 2 * _TIMERS,
            "sweeper_kills": killer.kills,
            "fired_once": sum(fired[phone_of(n)] == 1 for n in range(2 * _TIMERS)),
            "lateness_p50_s": percentile(late, 50),
            "lateness_p99_s": percentile(late, 99),
        }
        figures.expect(figures.values["fired_once"] == 2 * _TIMERS, "A timer did not fire once.")
        figures.expect((percentile(late, 99) or 0.0) <= _MOST_LATE_SECONDS, "Timers were too late.")
        figures.expect(min(late, default=0.0) >= 0, "A timer was early.")
        return end_consistent(figures, site)


class _Killer:
    """Kills the sweeper in time; the keeper starts it again."""

    def __init__(self, site: Site) -> None:
        self._sweeper, self._at, self.kills = site.keeper.kept["sweeper"], time.monotonic(), 0

    def look(self) -> None:
        """Kills when it is time."""
        if time.monotonic() - self._at >= _KILL_EVERY_SECONDS:
            self._at = time.monotonic()
            self.kills += kill(self._sweeper.pid)


def _part(traffic: Traffic, until: int, look: Callable[[], None]) -> None:
    """Contacts write until there were so many, and all their questions run out."""
    traffic.let_in(_TIMERS / _PER_SECOND, _PER_SECOND, look)
    traffic.driver.tap.open_until = until

    def all_ran_out() -> bool:
        look()
        return sum(1 for line in traffic.site.provider_log.read().lines if line["body"] == _LATE) >= until

    traffic.wait("all have run out", all_ran_out, 60)
    traffic.let_in(3.0, 0.0, look)
