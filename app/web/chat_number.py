"""Finds the chat widget a request is for, with all that its doors need to know of it."""

from dataclasses import dataclass, field

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.channels.web_chat import ChatSettings, WebChat, read_settings
from app.directory import open_connection
from app.models import Connection, Number
from app.models.system import Installation
from app.sealing import SecretKey
from flows.values import clean_text


@dataclass(frozen=True)
class Chat:
    """One chat widget: the number's record and its connection's."""

    id: int
    name: str
    value: str
    country: str
    language: str
    connection_id: int
    settings: ChatSettings
    title: str
    connection: Connection = field(repr=False)

    def identity_secret(self, key: SecretKey) -> str:
        """The secret that host pages sign with; empty when none is set."""
        return open_connection(self.connection, key, "").secrets.get("identity_secret", "")


def find_chat(session: Session, name: str) -> Chat | None:
    """The chat with that number name; an empty name means the installation's first."""
    query = _chats().order_by(Number.id).limit(1)
    row = session.execute(query.where(Number.name == clean_text(name)) if name else query).one_or_none()
    if row is None:
        return None
    number, connection = row
    settings = read_settings(number.settings)
    title = settings.title or session.execute(select(Installation.name)).scalar() or ""
    return Chat(
        id=number.id,
        name=number.name,
        value=number.value,
        country=number.country,
        language=number.language,
        connection_id=connection.id,
        settings=settings,
        title=title,
        connection=connection,
    )


def _chats() -> Select[Number, Connection]:
    return (
        select(Number, Connection)
        .join(Connection, Connection.id == Number.connection_id)
        .where(Connection.kind == WebChat.kind, Connection.enabled, Number.answers_messages)
    )
