"""The provider tells the states of messages in every order there is."""

import itertools
from collections.abc import Sequence

from app.channels.twilio_messages import RANKS
from flows import document
from tests.app.drawn import echo
from tests.faults.driver import message_request, phone_of, signed_request
from tests.faults.echo_flow import NUMBER
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.installation import ACCOUNT
from tests.faults.keeper import wait_for
from tests.faults.site import Site, SitePlan, open_site
from tests.faults.tables import number, rows
from tests.faults.traffic import end_consistent
from tests.faults.webhooks import ask_all

NAME = "status-orders"
PROMISE = "Whatever the order in which states of a message are told, its state never goes backwards."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")

_WORDS = ("queued", "sending", "sent", "undelivered", "delivered", "read")
_ORDERS = list(itertools.permutations(_WORDS))
_UNTOLD = "SELECT count(*) FROM inbound_events WHERE state = 'waiting'"
_UNSENT = "SELECT count(*) FROM effects WHERE state <> 'sent' AND kind = 'send_message'"
_EFFECTS = "SELECT \"to\", id FROM effects WHERE kind = 'send_message'"
_SHOWN = 'SELECT e."to", m.rank FROM messages m JOIN effects e ON e.key = m.effect_key'


def run(database: DatabaseKind, seed: int) -> Figures:
    """720 messages, one for each order of six states; after each state told, all messages are looked at."""
    figures = Figures()
    flow = document.from_data(echo(NUMBER))
    with open_site(SitePlan([flow], database, seed=seed)) as site:
        port, contacts = site.ports["web"], [phone_of(n) for n in range(len(_ORDERS))]
        ask_all(port, [message_request(port, contact, 1) for contact in contacts])
        wait_for("the provider has all", lambda: len(site.provider_log.read().lines) >= len(_ORDERS), 60)
        wait_for("all are known to be sent", lambda: not number(site.settings, _UNSENT), 30)
        backwards, equal = 0, 0
        for told in range(1, len(_WORDS) + 1):
            _tell(site, contacts, told - 1)
            shown = dict(rows(site.settings, _SHOWN))
            wanted = [max(RANKS["sent"], *(RANKS[word] for word in order[:told])) for order in _ORDERS]
            equal = sum(shown[contact] == rank for contact, rank in zip(contacts, wanted, strict=True))
            backwards += len(_ORDERS) - equal
        figures.values |= {"orders": len(_ORDERS), "callbacks": len(_ORDERS) * len(_WORDS)}
        figures.values |= {"looks_at_a_wrong_state": backwards, "equal_at_the_end": equal}
        figures.expect(not backwards and equal == len(_ORDERS), "A state went backwards, or was not taken.")
        return end_consistent(figures, site)


def _tell(site: Site, contacts: Sequence[str], place: int) -> None:
    """The state that stands at this place of each order, and waits until all are handled."""
    effects = dict(rows(site.settings, _EFFECTS))
    sids = {line["to"]: line["sid"] for line in site.provider_log.read().lines}
    requests = []
    for contact, order in zip(contacts, _ORDERS, strict=True):
        pairs = [("MessageSid", sids[contact]), ("MessageStatus", order[place]), ("AccountSid", ACCOUNT)]
        path = f"messages/status?effect={effects[contact]}"
        requests.append(signed_request(site.ports["web"], path, pairs, keep=False))
    ask_all(site.ports["web"], requests)
    wait_for("all states are handled", lambda: not number(site.settings, _UNTOLD), 60)
