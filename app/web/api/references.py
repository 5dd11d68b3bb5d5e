"""Finds rows by what people call them; each says in a sentence where the right names are."""

from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Base
from app.errors import Conflict, NotFound
from app.models import Conversation
from app.models.conversation import conversation_of

T = TypeVar("T", bound=Base)


def conversation_id(session: Session, reference: str) -> int:
    """The id behind a reference such as PB-10482. Raises: NotFound."""
    found = session.get(Conversation, conversation_of(reference))
    if found is None:
        raise NotFound(f"There is no conversation “{reference[:80]}”: references look like PB-10482.")
    return found.id


def named(session: Session, table: type[T], name: str, *, locked: bool = False) -> T:
    """The row of that name; `locked` until the transaction ends. Raises: NotFound."""
    query = select(table).where(_name(table) == name)
    found = session.scalar(query.with_for_update() if locked else query)
    if found is None:
        raise NotFound(f"There is no {_word(table)} “{name[:80]}”: GET /api/v1/{_plural(table)} lists them.")
    return found


def refuse_taken(session: Session, table: type[Base], name: str) -> None:
    """Raises: Conflict when a row has the name already."""
    if session.scalar(select(table).where(_name(table) == name)) is not None:
        raise Conflict(
            f"There is a {_word(table)} “{name[:80]}” already: choose another name.", "name_taken", field="name"
        )


def _name(table: type[Base]) -> Any:
    return table.__table__.c.name


def _word(table: type[Base]) -> str:
    return _plural(table).removesuffix("s")


def _plural(table: type[Base]) -> str:
    return str(table.__tablename__)
