"""A whole installation for the fault runs: seeded by the product, with a Twilio connection that leads to the double."""

from dataclasses import replace
from pathlib import Path

from app import publishing
from app.config import Settings
from app.db import Database, now
from app.directory import seal_secrets
from app.house import House
from app.models import Connection, Constant, Number
from app.seeding import prepare
from app.wiring import build_house, leave_house
from flows.document import Flow
from flows.values import canonical_json, encode
from tests.faults.echo_flow import API, NUMBER

CONNECTION = "provider"
SECRET = "the account's auth token"
ACCOUNT = "AC" + "7" * 32
OURS = "+15005550010"


def settings_for(folder: Path, database_url: str, redis_url: str, ports: dict[str, int]) -> Settings:
    """The settings of all processes; `ports` has web, api and provider."""
    return Settings.from_environment(
        {
            "PATCHBAY_DATA": str(folder),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "PORT": str(ports["web"]),
            "CUSTOMER_API_PORT": str(ports["api"]),
            "MESSAGES_PER_MINUTE": "0",  # few contacts write for many
            "ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{ports['api']},127.0.0.1:{ports['provider']}",
        }
    )


def found(settings: Settings, ports: dict[str, int], mode: str, *flows: Flow) -> None:
    """Migrates, seeds, connects the doubles and publishes the flows by the product's own publishing."""
    prepare(settings)
    house = build_house(replace(settings, redis_url=""))
    try:
        _connect(house.database, house, ports, has_keys=mode == "key")
        for flow in flows:
            with house.database.transaction() as session:
                draft = publishing.create(session, flow, "fault run")
                row = publishing.find_flow(session, draft.name, locked=True)
                publishing.publish(session, house, row, draft.revision, publishing.Order("fault run"))
    finally:
        leave_house(house)


def _connect(database: Database, house: House, ports: dict[str, int], *, has_keys: bool) -> None:
    with database.transaction() as session:
        at = now(session)
        api_base = f"http://127.0.0.1:{ports['provider']}"
        connection = Connection(
            name=CONNECTION,
            kind="twilio",
            settings=canonical_json({"api_base": api_base, "has_keys": has_keys}),
            sealed=seal_secrets(CONNECTION, {"account_sid": ACCOUNT, "auth_token": SECRET}, house.key),
            created_at=at,
        )
        session.add(connection)
        session.flush()
        session.add(Number(name=NUMBER, connection_id=connection.id, value=OURS, answers_calls=True, created_at=at))
        api = canonical_json(encode(f"http://127.0.0.1:{ports['api']}"))
        session.add(Constant(name=API, value=api, changed_at=at))
