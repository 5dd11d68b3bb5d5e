"""The clock of the database is set an hour forward, and an hour back, while a thousand questions run out."""

from collections import Counter
from collections.abc import Sequence

from flows import document
from tests.app.drawn import interview
from tests.faults.driver import message_request, phone_of
from tests.faults.echo_flow import NUMBER
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.keeper import wait_for
from tests.faults.site import Site, SitePlan, open_site
from tests.faults.tables import move_clock, number
from tests.faults.traffic import end_consistent, stay
from tests.faults.webhooks import ask_all

NAME = "clock-jumps"
PROMISE = "Each timer fires once, and not before its time, though the clock jumps an hour in either direction."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")

_EACH = 500
_HOUR, _LIMIT = 3_600.0, 600
_ARMED = "SELECT count(*) FROM inbound_events WHERE kind = 'timer_fired' AND state = 'waiting' AND armed_by IS NULL"
_UNSENT = "SELECT count(*) FROM effects WHERE state <> 'sent' AND kind = 'send_message'"
_LATE = "Too late"


def run(database: DatabaseKind, seed: int) -> Figures:
    """500 questions before the clock is set forward, 500 others before it is set back."""
    figures = Figures()
    flow = document.from_data(interview(NUMBER, time_limit_seconds=_LIMIT))
    with open_site(SitePlan([flow], database, seed=seed)) as site:
        _ask(site, 0)
        move_clock(site.settings, _HOUR)
        wait_for("all run out after the jump", lambda: sum(_late(site).values()) >= _EACH, 60, site.keeper.look)
        _ask(site, _EACH)
        move_clock(site.settings, -_HOUR)
        stay(site, 4.0)
        early = sum(_late(site).values()) - _EACH
        move_clock(site.settings, _HOUR)
        stay(site, 2.0)
        early += sum(_late(site).values()) - _EACH
        move_clock(site.settings, _LIMIT + 1)
        wait_for("all run out in their time", lambda: sum(_late(site).values()) >= 2 * _EACH, 60, site.keeper.look)
        stay(site, 3.0)
        fired = _late(site)
        once = sum(fired[phone_of(n)] == 1 for n in range(2 * _EACH))
        figures.values |= {
            "timers": 2 * _EACH,
            "fired_once": once,
            "fired_twice": sum(count > 1 for count in fired.values()),
            "fired_early": early,
        }
        figures.expect(once == 2 * _EACH, "A timer did not fire once.")
        figures.expect(not early, "A timer fired before its time.")
        return end_consistent(figures, site)


def _ask(site: Site, first: int) -> None:
    """500 contacts write and are asked; their limits run."""
    port = site.ports["web"]
    ask_all(port, [message_request(port, phone_of(n), 1) for n in range(first, first + _EACH)])
    wanted = sum(_late(site).values()) + first + _EACH

    def all_asked() -> bool:
        return len(site.provider_log.read().lines) >= wanted and not number(site.settings, _UNSENT)

    wait_for("all are asked", all_asked, 60, site.keeper.look)


def _late(site: Site) -> Counter[str]:
    """How often each contact was told that it is too late."""
    return Counter(line["to"] for line in site.provider_log.read().lines if line["body"] == _LATE)
