"""Builds the house of a process from its settings, and refuses to work in one that is not in order."""

from sqlalchemy import select

from app.config import Settings
from app.db import Database
from app.house import House
from app.lanes import Lanes
from app.migrating import WrongSchema, require_current_schema
from app.models import Installation
from app.outgoing import Guarded
from app.sealing import SecretKey
from flows.limits import Limits
from flows.registry import Registry

STEP_PACKAGES = ("steps",)


def build_house(settings: Settings) -> House:
    """Everything a door needs; `leave_house` gives it back.

    Raises: WrongSchema, app.sealing.KeyUnusable, flows.errors.RegistryError, each with one sentence that says what to
    do; sqlalchemy.exc.OperationalError when there is no database.
    """
    database = Database.connect(settings)
    try:
        require_current_schema(database)
        return House(
            settings=settings,
            database=database,
            lanes=Lanes(settings.redis_url or None),
            key=load_key(settings, database),
            steps=Registry.discover(STEP_PACKAGES),
            http=Guarded(settings.allowed_private_hosts),
            limits=Limits(),
        )
    except BaseException:
        database.close()
        raise


def leave_house(house: House) -> None:
    """Closes what is open."""
    house.http.close()
    house.database.close()


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
