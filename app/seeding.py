"""The first start: on an empty database what every installation needs, two published example flows, and one link."""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from app import publishing
from app.accounts.first_link import make_first_link
from app.config import Settings
from app.db import Database, now
from app.directory import seal_secrets
from app.house import House
from app.lanes import Lanes
from app.migrating import hold_alone, migrate
from app.models import Connection, Constant, Installation, Number, Queue
from app.outgoing import Guarded
from app.sealing import SecretKey
from app.step_host import installed_steps
from app.wiring import STEP_PACKAGES
from flows import document
from flows.registry import Registry
from flows.values import canonical_json, encode

EXAMPLES: Final = Path(__file__).resolve().parents[1] / "examples" / "flows"
PUBLISHED: Final = ("vip_calls", "vip_messages")
SIMULATED_NUMBER: Final = "+15005550006"
"""No subscriber has it: https://www.twilio.com/docs/iam/test-credentials#test-sms-messages-parameters-From"""
API_CONSTANT: Final = "customer_api"

_AUTHOR: Final = "first start"
_APOLOGY: Final[Mapping[str, str]] = {
    "en": "Sorry, something went wrong on our side. One of us will take care of it.",
    "pl": "Przepraszamy, coś poszło nie tak po naszej stronie. Ktoś z nas się tym zajmie.",
    "ru": "Извините, у нас что-то пошло не так. Кто-нибудь из нас этим займётся.",
}
_GREETING: Final[Mapping[str, str]] = {
    "en": "Hello. How can we help you?",
    "pl": "Dzień dobry. W czym możemy pomóc?",
    "ru": "Здравствуйте. Чем мы можем помочь?",
}
_QUEUES: Final[Mapping[str, str]] = {
    "standard": "Standard customers",
    "gold": "Gold customers",
    "platinum": "Platinum customers",
    "people": "Everything that needs a person",
}
_OUR_API = re.compile(r"http://127\.0\.0\.1:\d{1,5}\Z")


def prepare(settings: Settings) -> Sequence[str]:
    """Brings the database up to date and fills an empty one; lines to print once web answers.

    Raises: WrongSchema, KeyUnusable, each with one sentence.
    """
    migrate(settings)
    database = Database.connect(settings)
    try:
        with database.transaction() as session:
            hold_alone(session)
            installation = session.get(Installation, 1)
            key = SecretKey.load_or_create(settings.secret_key_file, database_is_empty=installation is None)
            if installation is not None:
                key.require(installation.key_fingerprint, settings.secret_key_file)
                _follow_port(session, settings)
                return []
            steps = Registry.discover(STEP_PACKAGES, installed_steps())
            house = House(settings, database, Lanes(None), key, steps, Guarded(settings.allowed_private_hosts))
            secret = _fill(session, house)
    finally:
        database.close()
    address = settings.effective_public_url
    return [
        f"  Become the owner, once within 24 hours:  {address}/first/{secret}",
        f"  The example chat:                        {address}/chat",
        "  The example telephone:                   .venv/bin/patchbay call support-line",
    ]


def _fill(session: Session, house: House) -> str:
    """Everything of the first start; the secret of the one-time link."""
    at = now(session)
    session.add(
        Installation(
            id=1,
            apology=json.dumps(_APOLOGY, ensure_ascii=False, sort_keys=True),
            key_fingerprint=house.key.fingerprint(),
            created_at=at,
        )
    )
    session.add_all(Queue(name=name, title=title, created_at=at) for name, title in _QUEUES.items())
    session.add(Constant(name=API_CONSTANT, value=_api_value(house.settings), changed_at=at))
    _add_numbers(session, house)
    for name in PUBLISHED:
        _publish(session, house, document.read((EXAMPLES / f"{name}.json").read_bytes(), house.limits))
    return make_first_link(session, _AUTHOR)


def _add_numbers(session: Session, house: House) -> None:
    at = now(session)
    sealed = seal_secrets("simulated", {"secret": secrets.token_urlsafe(32)}, house.key)
    simulated = Connection(name="simulated", kind="simulated", sealed=sealed, created_at=at)
    chat = Connection(name="web-chat", kind="web_chat", created_at=at)
    session.add_all([simulated, chat])
    session.flush()
    session.add(
        Number(
            name="support-line",
            connection_id=simulated.id,
            value=SIMULATED_NUMBER,
            answers_calls=True,
            answers_messages=True,
            created_at=at,
        )
    )
    greeting = canonical_json({"greeting": dict(_GREETING)})
    session.add(Number(name="web-chat", connection_id=chat.id, value="web-chat", settings=greeting, created_at=at))
    session.flush()


def _publish(session: Session, house: House, flow: document.Flow) -> None:
    draft = publishing.create(session, flow, _AUTHOR)
    row = publishing.find_flow(session, draft.name, locked=True)
    publishing.publish(session, house, row, draft.revision, publishing.Order(_AUTHOR, "An example"))


def _follow_port(session: Session, settings: Settings) -> None:
    """Lets the examples find their API when it moved to another port; an address of somebody's own is left alone."""
    constant, value = session.get(Constant, API_CONSTANT), _api_value(settings)
    if constant is not None and constant.value != value and _OUR_API.match(str(json.loads(constant.value))):
        constant.value, constant.changed_at = value, now(session)


def _api_value(settings: Settings) -> str:
    return canonical_json(encode(f"http://127.0.0.1:{settings.effective_customer_api_port}"))
