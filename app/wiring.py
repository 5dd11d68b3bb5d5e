"""Builds the house of a process from its settings, and refuses to work in one that is not in order."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url, select

from app.channels.registry import ChannelsClash, channels
from app.config import SettingError, Settings
from app.db import Database
from app.house import House
from app.lanes import Lanes
from app.models import Installation
from app.outgoing import Guarded
from app.schema import WrongSchema, require_current_schema
from app.sealing import KeyUnusable, SecretKey
from app.step_host import end_hosts, installed_steps
from flows.errors import RegistryError
from flows.registry import Registry

STEP_PACKAGES = ("steps",)
START_REFUSALS = (SettingError, WrongSchema, KeyUnusable, RegistryError, ChannelsClash)
"""Why a process must not start; each says in one sentence what to do."""


def build_house(settings: Settings) -> House:
    """Everything a door needs; `leave_house` gives it back.

    Raises: one of START_REFUSALS; sqlalchemy.exc.OperationalError when there is no database.
    """
    channels()
    _refuse_missing_file(settings)
    database = Database.connect(settings)
    try:
        require_current_schema(database)
        return House(
            settings=settings,
            database=database,
            lanes=Lanes(settings.redis_url or None),
            key=load_key(settings, database),
            steps=Registry.discover(STEP_PACKAGES, installed_steps()),
            http=Guarded(settings.allowed_private_hosts),
            limits=settings.limits,
        )
    except BaseException:
        database.close()
        raise


def _refuse_missing_file(settings: Settings) -> None:
    """SQLite would make an empty file of that name, and the next start would take it for a database."""
    url = make_url(settings.effective_database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        raise WrongSchema(
            f"There is no database at {url.database} yet: run `patchbay migrate` once, start everything by "
            "`patchbay run`, or set PATCHBAY_DATA to the folder where it is."
        )


@contextmanager
def open_house(settings: Settings) -> Iterator[House]:
    """The house of one command. Raises: as build_house."""
    house = build_house(settings)
    try:
        yield house
    finally:
        leave_house(house)


def leave_house(house: House) -> None:
    """Closes what is open."""
    house.http.close()
    house.database.close()
    end_hosts()


def load_key(settings: Settings, database: Database) -> SecretKey:
    """The installation's key.

    Raises: KeyUnusable when it is missing or another one; WrongSchema before the first start.
    """
    with database.reading() as session:
        stored = session.scalar(select(Installation.key_fingerprint).where(Installation.id == 1))
    if stored is None:
        raise WrongSchema("The database has tables, but nobody ever started it: run `patchbay migrate` once.")
    key = SecretKey.load_or_create(settings.secret_key_file, database_is_empty=False)
    key.require(stored, settings.secret_key_file)
    return key
