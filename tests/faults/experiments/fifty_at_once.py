"""Contacts send fifty messages each at the same moment, to two workers."""

import random
from collections.abc import Sequence

from tests.faults.driver import message_request, phone_of
from tests.faults.echo_flow import echo_flow
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.keeper import wait_for
from tests.faults.oracle import taken
from tests.faults.site import SitePlan, open_site
from tests.faults.tables import rows
from tests.faults.traffic import end_consistent, stay
from tests.faults.webhooks import ask_all

NAME = "fifty-at-once"
PROMISE = "Messages of one contact that come at once are answered one by one in the order in which they were taken in."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")

_CONTACTS, _EACH = 8, 50
_ORDER = (
    "SELECT a.value, m.text, e.seq FROM inbound_events e JOIN conversations c ON c.id = e.conversation_id"
    " JOIN addresses a ON a.id = c.address_id JOIN messages m ON m.event_id = e.id AND m.direction = 'in'"
    " WHERE e.kind = 'message_received' ORDER BY e.conversation_id, e.seq"
)


def run(database: DatabaseKind, seed: int) -> Figures:
    """Eight contacts; all fifty of one are on their way together, while others write too."""
    figures = Figures()
    wanted = _CONTACTS * _EACH
    with open_site(SitePlan([echo_flow(notes=False)], database, workers=2, seed=seed, api_jitter_ms=30)) as site:
        port = site.ports["web"]
        requests = [message_request(port, phone_of(n), k) for n in range(_CONTACTS) for k in range(1, _EACH + 1)]
        random.Random(seed).shuffle(requests)
        ask_all(port, requests, at_once=_EACH)
        wait_for("all are answered", lambda: len(site.provider_log.read().lines) >= wanted, 90)
        stay(site, 2.0)
        sent = taken(site.provider_log.read())
        taken_in = rows(site.settings, _ORDER)
        orders = [phone_of(n) for n in range(_CONTACTS)]
        strict = sum(
            [one.number for one in sent if one.contact == phone]
            == [int(text) for contact, text, _ in taken_in if contact == phone]
            for phone in orders
        )
        gapless = sum(
            [seq for contact, _, seq in taken_in if contact == phone] == list(range(1, 51)) for phone in orders
        )
        figures.values |= {
            "contacts": _CONTACTS,
            "messages": wanted,
            "sends": len(sent),
            "contacts_in_strict_order": strict,
            "contacts_without_a_gap": gapless,
        }
        figures.expect(len(sent) == wanted, "A message was lost or answered twice.")
        figures.expect(strict == gapless == _CONTACTS, "A contact was answered in another order.")
        return end_consistent(figures, site)
