"""A flow is published five more times while 500 runs of it begin and go on."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from app import publishing
from app.publishing import Order
from app.wiring import build_house, leave_house
from flows import document
from flows.document import Flow
from tests.app.drawn import asks, drawn, sends, starts_with
from tests.faults.driver import message_request, phone_of
from tests.faults.echo_flow import NUMBER
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.keeper import wait_for
from tests.faults.site import Site, SitePlan, open_site
from tests.faults.tables import number, rows
from tests.faults.traffic import end_consistent, stay
from tests.faults.webhooks import ask_all

NAME = "republishing"
PROMISE = "A run ends on the version with which it began, however often its flow is published meanwhile."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")

_RUNS, _TIMES = 500, 5
_FAILED = "SELECT count(*) FROM runs WHERE status = 'ended' AND outcome <> 'completed'"


def run(database: DatabaseKind, seed: int) -> Figures:
    """Each run asks and answers with the words of one version; each version has words of its own."""
    figures = Figures()
    with open_site(SitePlan([_version(1)], database, seed=seed)) as site:
        port, contacts = site.ports["web"], [phone_of(n) for n in range(_RUNS)]
        beginning = threading.Thread(
            target=ask_all, args=(port, [message_request(port, one, 1) for one in contacts], 10)
        )
        beginning.start()
        published, answered = 1, set[str]()
        while len(answered) < _RUNS:
            site.keeper.look()
            asked = list(_said(site, "asks"))
            if published <= _TIMES and len(asked) >= published * _RUNS // (_TIMES + 1):
                published += 1
                _publish(site, _version(published))
            new = [one for one in asked if one not in answered][:25]
            if new:
                ask_all(port, [message_request(port, one, 2) for one in new], 10)
                answered.update(new)
        beginning.join()
        wait_for("all have their answer", lambda: len(_said(site, "answers")) >= _RUNS, 60, site.keeper.look)
        stay(site, 2.0)
        asked_by, answered_by = _said(site, "asks"), _said(site, "answers")
        mixed = sum(asked_by[one] != answered_by[one] for one in contacts)
        versions = rows(site.settings, "SELECT count(DISTINCT version_id) FROM runs")[0][0]
        figures.values |= {
            "runs": number(site.settings, "SELECT count(*) FROM runs"),
            "published_meanwhile": published - 1,
            "versions_with_runs": versions,
            "sends": len(site.provider_log.read().lines),
            "mixed": mixed,
            "failed": number(site.settings, _FAILED),
        }
        figures.expect(not mixed, "A run changed its version.")
        figures.expect(not figures.values["failed"] and figures.values["runs"] == _RUNS, "A run failed or was lost.")
        figures.expect(figures.values["sends"] == 2 * _RUNS, "A message was lost or sent twice.")
        figures.expect(published == _TIMES + 1 and versions > 2, "Too little was published to prove anything.")
        return end_consistent(figures, site)


def _version(number_: int) -> Flow:
    steps = {
        "in": starts_with(NUMBER, "ask"),
        "ask": asks(f"version {number_} asks", to="answer", variable="said"),
        "answer": sends(f"version {number_} answers"),
    }
    return document.from_data(drawn("Republished", steps))


def _publish(site: Site, flow: Flow) -> None:
    """Saves and publishes, as the API does."""
    house = build_house(replace(site.settings, redis_url=""))
    try:
        with house.database.transaction() as session:
            row = publishing.find_flow(session, flow.name, locked=True)
            publishing.save(session, row, flow, row.latest_revision, "fault run")
            publishing.publish(session, house, row, 0, Order("fault run"))
    finally:
        leave_house(house)


def _said(site: Site, word: str) -> dict[str, int]:
    """By contact, the version that asked or answered."""
    lines = site.provider_log.read().lines
    return {line["to"]: int(line["body"].split()[1]) for line in lines if line["body"].endswith(word)}
