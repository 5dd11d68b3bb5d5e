"""One provider is slow, limits, and is dead, one after the other; another one beside it is well."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from http.client import HTTPConnection

from app import publishing
from app.db import now
from app.directory import seal_secrets
from app.models import Connection, Number
from app.publishing import Order
from app.wiring import build_house, leave_house
from flows import document
from flows.values import canonical_json
from tests.app.drawn import echo
from tests.faults.driver import message_request
from tests.faults.echo_flow import NUMBER
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.installation import ACCOUNT, SECRET
from tests.faults.keeper import python, wait_for
from tests.faults.oracle import Log, judge, taken
from tests.faults.site import Site, SitePlan, open_site
from tests.faults.tables import move_clock, number
from tests.faults.traffic import TimedDriver, Traffic, end_consistent, stay

NAME = "troubled-provider"
PROMISE = (
    "A provider that is slow, limits or is dead holds up no message of another one, and its own arrive in the end."
)
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")
ALONE = TOGETHER = True

_PER_SECOND, _TROUBLED_PER_SECOND = 8.0, 4.0
_SECONDS = 11.0  # of each mood
_MOODS = {"good": "good", "slow": "slow", "limiting": "limiting", "dead": "dead", "well_again": "good"}
_PROVIDER_MS = 50.0
_OTHER, _OTHER_NUMBER, _OTHER_VALUE = "troubled", "troubled-line", "+15005550011"
_MORE_THAN_BEFORE, _NOISE_MS = 1.2, 25  # what one pause of the machine costs
_OPEN = "SELECT count(*) FROM effects WHERE state IN ('queued', 'sending') AND kind = 'send_message'"


@dataclass
class _Troubled(TimedDriver):
    """Contacts who write to the other number, and are others."""

    def _request(self, phone: str, number_: int) -> bytes:
        return message_request(self.port, phone, number_, ours=_OTHER_VALUE, connection=_OTHER)


def run(database: DatabaseKind, seed: int) -> Figures:
    """Each mood for 11 s, with messages to both; the healthy one's 95th percentile is held against before and after."""
    figures = Figures()
    flow = document.from_data(echo(NUMBER))
    with open_site(SitePlan([flow], database, seed=seed, provider_delay_ms=_PROVIDER_MS)) as site:
        moods, log = _connect(site)
        healthy = Traffic.of(site, int(_PER_SECOND * _SECONDS * len(_MOODS)), 40, seed)
        troubled = _Troubled(site.ports["web"], int(_TROUBLED_PER_SECOND * _SECONDS * len(_MOODS)), 40, seed + 1)
        other = Traffic(site, troubled).start()
        p95 = {}
        for name, mood in _MOODS.items():
            _ask(moods, mood)
            since, open_until = time.time(), troubled.tap.open_until

            def let_in(since: float = since, before: int = open_until) -> None:
                troubled.tap.open_until = before + int((time.time() - since) * _TROUBLED_PER_SECOND)

            healthy.let_in(_SECONDS, _PER_SECOND, let_in)
            p95[name] = healthy.delay_ms(since, time.time(), 95)
        troubled.tap.open_until = troubled.messages
        healthy.finish(figures)
        figures.values |= {f"healthy_p95_ms_while_{name}": ms for name, ms in p95.items()}
        most = max(p95["good"], p95["well_again"]) * _MORE_THAN_BEFORE + _NOISE_MS
        figures.expect(max(p95.values()) <= most, f"The healthy provider's p95 exceeded {most:.0f} ms.")
        _drain(other, log, figures)
        return end_consistent(figures, site)


def _connect(site: Site) -> tuple[int, Log]:
    """The second connection, its number and flow, and its provider; the port where it takes moods, and its log."""
    # The worker may ask the port of the API double, which this flow does not need.
    site.keeper.kept.pop("double-api").stop()
    port, path = site.ports["api"], site.folder / "moody.jsonl"
    arguments = ("--port", str(port), "--log", str(path), "--delay-ms", str(_PROVIDER_MS))
    site.keeper.add(python("double-moody", "tests.faults.moody_provider", *arguments))
    house = build_house(replace(site.settings, redis_url=""))
    try:
        with house.database.transaction() as session:
            at = now(session)
            settings = canonical_json({"api_base": f"http://127.0.0.1:{port}", "has_keys": True})
            sealed = seal_secrets(_OTHER, {"account_sid": ACCOUNT, "auth_token": SECRET}, house.key)
            connection = Connection(name=_OTHER, kind="twilio", settings=settings, sealed=sealed, created_at=at)
            session.add(connection)
            session.flush()
            session.add(Number(name=_OTHER_NUMBER, connection_id=connection.id, value=_OTHER_VALUE, created_at=at))
            session.flush()
            draft = publishing.create(session, document.from_data(echo(_OTHER_NUMBER, "Troubled")), "fault run")
            row = publishing.find_flow(session, draft.name, locked=True)
            publishing.publish(session, house, row, draft.revision, Order("fault run"))
    finally:
        leave_house(house)
    wait_for("the moody provider answers", lambda: _ask(port, "good"), 20)
    return port, Log(path)


def _ask(port: int, mood: str) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as line:
        try:
            line.request("GET", f"/mood/{mood}")
            return line.getresponse().status == 200
        except OSError:
            return False


def _drain(other: Traffic, log: Log, figures: Figures) -> None:
    """The troubled provider is well again, and an hour passes: what waits for another attempt is due."""
    site, driver = other.site, other.driver
    waited = number(site.settings, _OPEN)
    move_clock(site.settings, 3_600)
    begun = time.monotonic()

    def is_drained() -> bool:
        return driver.done and not number(site.settings, _OPEN) and len(log.read().lines) >= driver.messages

    try:
        other.wait("the queue is drained", is_drained, 60)
    except TimeoutError as problem:
        figures.broken.append(f"{problem}.")
    stay(site, 2.0)
    verdict = judge(driver.accepted, driver.wanted(), taken(log.read()), [])
    figures.values |= {
        "troubled_messages": driver.messages,
        "troubled_waiting_at_the_end": waited,
        "troubled_lost": len(verdict.lost),
        "troubled_duplicated": len(verdict.duplicated),
        "troubled_out_of_order": len(verdict.out_of_order),
        "troubled_drained_s": round(time.monotonic() - begun, 1),
    }
    figures.expect(verdict.is_clean, f"Not clean at the troubled provider: {verdict}.")
