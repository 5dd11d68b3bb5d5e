"""People take conversations over while the flow is answering in them."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.accounts.tokens import create_token
from app.models.conversation import reference
from app.wiring import build_house, leave_house
from flows import document
from tests.app.drawn import drawn, sends, starts_with
from tests.faults.driver import message_request, phone_of
from tests.faults.echo_flow import NUMBER
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.keeper import wait_for
from tests.faults.site import Site, SitePlan, open_site
from tests.faults.tables import number, rows
from tests.faults.traffic import end_consistent, stay
from tests.faults.webhooks import Answer, ask

NAME = "takeovers"
PROMISE = "A conversation taken over under way has one owner, and the flow says no more in it but what was being sent."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")

_TIMES, _AT_ONCE, _SENDS = 200, 10, 5
_PROVIDER_MS = 300.0
_WAITING = "SELECT count(*) FROM inbound_events WHERE state = 'waiting' AND kind <> 'timer_fired'"
_OPEN = "SELECT count(*) FROM effects WHERE state IN ('queued', 'sending') AND kind = 'send_message'"
_CONVERSATION = "SELECT c.id FROM conversations c JOIN addresses a ON a.id = c.address_id WHERE a.value = :contact"


def run(database: DatabaseKind, seed: int) -> Figures:
    """200 conversations in which the flow sends five messages, each taken over at a moment of its own."""
    figures = Figures()
    steps = {f"m{n}": sends(f"message {n}", to=f"m{n + 1}" if n < _SENDS else "end") for n in range(1, _SENDS + 1)}
    flow = document.from_data(drawn("Talk", {"in": starts_with(NUMBER, "m1"), **steps}))
    with open_site(SitePlan([flow], database, seed=seed, provider_delay_ms=_PROVIDER_MS)) as site:
        token = _token(site)
        contacts = [phone_of(n) for n in range(_TIMES)]
        taken_over = asyncio.run(_all(site, contacts, token, seed))
        wait_for("everything is handled", lambda: not number(site.settings, _WAITING), 60)
        wait_for("nothing is on its way", lambda: not number(site.settings, _OPEN), 60)
        stay(site, 2.0)
        _judge(site, figures, taken_over)
        return end_consistent(figures, site)


def _token(site: Site) -> str:
    house = build_house(replace(site.settings, redis_url=""))
    try:
        with house.database.transaction() as session:
            return create_token(session, "takeovers", "fault run")
    finally:
        leave_house(house)


async def _all(site: Site, contacts: Sequence[str], token: str, seed: int) -> dict[str, float]:
    """By contact, when the takeover was taken in."""
    slots, rng = asyncio.Semaphore(_AT_ONCE), random.Random(seed)
    port = site.ports["web"]

    async def one(contact: str, pause_seconds: float) -> Answer:
        async with slots:
            while (await ask(port, message_request(port, contact, 1))).status != 200:
                await asyncio.sleep(0.1)
            (found,) = rows(site.settings, _CONVERSATION, contact=contact)
            await asyncio.sleep(pause_seconds)
            return await ask(port, _take_over(port, reference(found[0]), token))

    answers = await asyncio.gather(*(one(contact, rng.uniform(0, 2)) for contact in contacts))
    return {contact: answer.at for contact, answer in zip(contacts, answers, strict=True) if answer.status == 202}


def _take_over(port: int, name: str, token: str) -> bytes:
    return (
        f"POST /api/v1/conversations/{name}/take-over HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    ).encode()


def _judge(site: Site, figures: Figures, taken_over: Mapping[str, float]) -> None:
    """What the provider got after a takeover's 202: one message may have been on its way."""
    lines = site.provider_log.read().lines
    later = Counter(line["to"] for line in lines if line["at"] > taken_over.get(line["to"], 0.0))
    whole = Counter(line["to"] for line in lines)
    keys = Counter((line["to"], line["body"]) for line in lines)
    owned = number(site.settings, "SELECT count(*) FROM conversations WHERE owner = 'people'")
    entries = number(site.settings, "SELECT count(*) FROM queue_entries WHERE state = 'active'")
    figures.values |= {
        "takeovers": len(taken_over),
        "cut_short": sum(count < _SENDS for count in whole.values()),
        "messages_of_the_flow": len(lines),
        "owned_by_people": owned,
        "being_sent_at_the_takeover": sum(later.values()),
        "said_after_the_takeover": sum(max(0, count - 1) for count in later.values()),
        "sent_twice": sum(count > 1 for count in keys.values()),
    }
    figures.expect(owned == entries == len(taken_over) == _TIMES, "A conversation has no owner, or two.")
    figures.expect(figures.values["cut_short"] != 0, "No takeover came while the flow was answering.")
    figures.expect(not figures.values["said_after_the_takeover"], "The flow went on after a takeover.")
    figures.expect(not figures.values["sent_twice"], "A message was sent twice.")
