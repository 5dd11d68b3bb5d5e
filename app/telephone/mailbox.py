"""Messages that reach the caller's number meanwhile."""

from collections.abc import Iterator

from sqlalchemy import text

from app.db import Database

_NEWEST = text("SELECT coalesce(max(id), 0) FROM messages")
_NEW = text(
    "SELECT messages.id, messages.text FROM messages"
    " JOIN conversations ON conversations.id = messages.conversation_id"
    " JOIN addresses ON addresses.id = conversations.address_id"
    " WHERE messages.id > :after AND messages.direction = 'out'"
    " AND addresses.kind = 'phone' AND addresses.value = :phone ORDER BY messages.id"
)


class Mailbox:
    """The messages of a number that were written after this moment."""

    def __init__(self, database: Database, phone: str) -> None:
        """From now on."""
        self._database, self._phone = database, phone
        with database.reading() as session:
            self._seen = int(session.execute(_NEWEST).scalar_one())

    def new(self) -> Iterator[str]:
        """Each text once, oldest first."""
        with self._database.reading() as session:
            rows = session.execute(_NEW, {"after": self._seen, "phone": self._phone}).all()
        for row in rows:
            self._seen = row.id
            yield row.text
