"""E-mails and posts to the team in the outbox: queued with their turn, taken one by one, settled like messages.

They stand beside the conversations' lines: a mail server that is away must not hold up what contacts are told. Keeps
the promise of RELIABILITY §2 for what has neither key nor look-up: at most once, and else shown as of unknown outcome.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy.orm import Session

from app.db import sql
from app.handled import UNSENT, Handled, Unsent, unsent_of
from app.mail.composing import Enclosure
from app.store.opted_out import OPTED_OUT, refusing_unasked
from app.store.rows import Kind, over
from app.store.sends import Settled, settle
from flows import wire
from flows.effect import PostToTeam, SendEmail
from flows.event import Attachment

Letter = SendEmail | PostToTeam
CREDENTIALS: Final = {wire.kind_of(SendEmail): "smtp", wire.kind_of(PostToTeam): "chat_webhook"}
"""The kinds of letters, and the kind of credential by which each leaves."""
KINDS: Final = tuple(CREDENTIALS)

_QUEUE = """
    INSERT INTO effects (key, kind, connection_id, number_id, run_id, payload, "to", state, attempts, failures, crashes,
                         next_attempt_at, provider_id, error, created_at)
    SELECT r.key, r.kind, r.connection_id, r.number_id, r.run_id, r.payload, r."to", 'queued', 0, 0, 0,
           r.next_attempt_at, '', '', :now
    FROM {rows} WHERE true ON CONFLICT (key) DO NOTHING
"""
_DUE = """
    SELECT id, payload FROM effects WHERE conversation_id IS NULL AND kind IN ('send_email', 'post_to_team')
        AND state IN ('queued', 'sending') AND next_attempt_at <= {now} {and} ORDER BY next_attempt_at LIMIT :most
"""
_OF_OTHERS = {
    "sqlite": "AND json_extract(payload, '$.credential') NOT IN (SELECT r.credential FROM {rows})",
    "postgresql": "AND CAST(payload AS json) ->> 'credential' NOT IN (SELECT r.credential FROM {rows})",
}
# Whoever waited for the row finds it taken. What is still `sending` was cut off in the middle.
_TAKE = """
    UPDATE effects SET state = 'sending', attempts = attempts + 1, next_attempt_at = {now} + :pause,
        crashes = crashes + CASE WHEN state = 'sending' THEN 1 ELSE 0 END,
        sending_at = CASE WHEN state = 'sending' THEN sending_at ELSE {now} END
    WHERE id = :id AND state IN ('queued', 'sending') AND next_attempt_at <= {now} RETURNING {columns}
""".replace("{columns}", UNSENT)
_OPTED_OUT = """
    SELECT value FROM addresses WHERE kind = 'email' AND opted_out_at IS NOT NULL
        AND value IN (SELECT r.value FROM {rows}) LIMIT 1
"""
_FILES = "SELECT sha256, media_type, name, content FROM files WHERE sha256 IN (SELECT r.value FROM {rows})"


@dataclass(frozen=True)
class Taken:
    """A letter that this process hands over now, with its files as they are stored."""

    unsent: Unsent
    letter: Letter
    enclosures: tuple[Enclosure, ...] = ()


def queue(session: Session, group: Sequence[Handled], now: int) -> None:
    """Queues what turns have written to others than their contacts."""
    rows = [
        {
            "key": key,
            "kind": wire.kind_of(type(letter)),
            "connection_id": one.connection_id,
            "number_id": one.number_id,
            "run_id": int(key.partition("/")[0]),
            "payload": wire.write(letter),
            "to": ", ".join(letter.to) if isinstance(letter, SendEmail) else letter.credential,
            "next_attempt_at": max(now, not_before),
        }
        for one in group
        for key, letter, not_before in one.letters
    ]
    if rows:
        columns: dict[str, Kind] = dict.fromkeys(rows[0], "text")
        columns |= dict.fromkeys(("connection_id", "number_id", "run_id", "next_attempt_at"), "bigint")
        over(session, _QUEUE, columns, rows, now=now)


def due(session: Session, most: int, full: Collection[str] = ()) -> list[tuple[int, str]]:
    """The ids of letters that may be handed over now, and their credentials; none of the `full` ones, whose letters
    must not hide the others'."""
    others = _OF_OTHERS[session.get_bind().dialect.name] if full else ""
    statement, busy = _DUE.replace("{and}", others), [{"credential": one} for one in sorted(full)]
    rows = (
        over(session, statement, {"credential": "text"}, busy, most=most)
        if full
        else session.execute(sql(session, statement), {"most": most})
    )
    return [(row.id, wire.read(Letter, row.payload).credential) for row in rows]


def take(session: Session, ids: Sequence[int], again_seconds: float) -> list[Taken | Settled]:
    """Marks letters as on their way, each unless somebody else did; or says why one cannot leave.

    That is for `finish`, in a transaction of its own: it takes the conversation's row, which whoever cancels the letter
    holds already.
    """
    taken: list[Taken | Settled] = []
    for id_ in sorted(ids):  # always in one order: two processes must not wait for each other
        values = {"id": id_, "pause": int(again_seconds * 1_000_000)}
        taken += [_leaving(session, one) for one in unsent_of(session.execute(sql(session, _TAKE), values).all())]
    return taken


def finish(session: Session, settled: Settled) -> None:
    """Stores what came of an attempt; the run that waits for it hears of it in its own conversation."""
    find = "SELECT conversation_id FROM runs WHERE id = :id"
    conversation_id = session.execute(sql(session, find), {"id": settled.unsent.run_id}).scalar()
    settle(session, [replace(settled, unsent=replace(settled.unsent, conversation_id=conversation_id))])


def refusing(session: Session, letter: Letter) -> str | None:
    """An address of the letter that has opted out of messages; our own people cannot."""
    if isinstance(letter, PostToTeam) or letter.to_team:
        return None
    named = (*letter.to, *letter.cc, *letter.bcc)
    everybody = [{"value": address} for address in {*named, *(one.lower() for one in named)}]
    found: str | None = over(session, _OPTED_OUT, {"value": "text"}, everybody).scalar()
    return found


def _leaving(session: Session, unsent: Unsent) -> Taken | Settled:
    if unsent.crashes:  # neither key nor look-up: people decide
        return Settled(unsent, "unknown", error=f"The process died while it was handed over to {unsent.to}.")
    letter: Letter = wire.read(Letter, unsent.payload)
    if isinstance(letter, PostToTeam):
        return Taken(unsent, letter)
    if refusing(session, letter) is not None:
        return Settled(unsent, "dead", error_kind="opted_out", error=OPTED_OUT)
    if not letter.to_team and (why := refusing_unasked(session, unsent.run_id)):
        return Settled(unsent, "dead", error_kind="opted_out", error=why)
    return _with_files(session, unsent, letter)


def _with_files(session: Session, unsent: Unsent, letter: SendEmail) -> Taken | Settled:
    wanted = [{"value": item.file} for item in letter.media]
    stored = {row.sha256: row for row in over(session, _FILES, {"value": "text"}, wanted)} if wanted else {}
    if any(item.file not in stored for item in letter.media):
        why = "A file of the e-mail is not stored here any more: choose it again."
        return Settled(unsent, "dead", error_kind="media_unreachable", error=why)
    return Taken(unsent, letter, tuple(_enclosure(item, stored[item.file]) for item in letter.media))


def _enclosure(item: Attachment, row: Any) -> Enclosure:
    return Enclosure(item.name or row.name or "file", row.media_type, bytes(row.content))
