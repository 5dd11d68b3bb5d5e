"""The API's dead letters: what failed for good, or whose fate is unknown, is sent again, edited or skipped."""

import json
from collections.abc import Callable
from typing import Annotated, Any, Final, TypedDict

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app import dead_letters
from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.db import from_microseconds
from app.models.conversation import reference
from app.store.letters import KINDS
from app.web.api.answers import Instant, OneOf, PageData
from app.web.api.conversation_views import AttachmentData
from app.web.api.doors import ROW_ID, Asked, Noun, fields, one_of, text
from app.web.api.lists import PAGE, page, wanted
from app.web.api.references import conversation_id

noun = Noun("dead_letters", Right.READ_RUNS, Right.MEND_RUNS)

_QUESTION: Final = "It is unknown whether this message arrived. Send it again?"
_DECISIONS: Final = ("retry_message", "retry_letter", "edit_message", "skip_message", "skip_letter")


class UndeliveredData(TypedDict):
    """What was to be delivered; an e-mail or a post leaves by a credential, and by no number of ours."""

    author: Annotated[str, OneOf(("flow", "agent"))]
    subject: Annotated[str | None, "An e-mail's."]
    text: str
    media: list[AttachmentData]
    number: str | None
    connection: str | None
    credential: str | None


class DeadLetterData(UndeliveredData):
    """A message, an e-mail or a post to the team that failed for good (`dead`) or may have arrived (`unknown`)."""

    id: int
    kind: Annotated[str, OneOf(("send_message", *KINDS))]
    conversation: Annotated[str, "The reference of the conversation that it is about."]
    state: Annotated[str, OneOf(dead_letters.STATES)]
    error: Annotated[str, "Why it failed, or why nobody knows whether it arrived."]
    question: Annotated[str | None, "What people are asked about one that is unknown."]
    attempts: int
    to: Annotated[str, "An address, several with commas between them, or a credential's name for a post."]
    at: Instant
    settled_at: Annotated[Instant | None, "When it failed, or was given up."]


class DeadLetterDecisionData(TypedDict):
    """What was decided about a dead letter, as the audit log calls it."""

    id: int
    conversation: Annotated[str, "The reference of the conversation that it is about."]
    did: Annotated[str, OneOf(_DECISIONS)]


@noun.get("/dead-letters", {**PAGE, "conversation": text(30), "state": one_of(*dead_letters.STATES)})
def list_dead_letters(asked: Asked) -> PageData[DeadLetterData]:
    """Messages, e-mails and posts to the team that failed for good (`dead`) or may have arrived (`unknown`)."""
    query = asked.query
    with asked.house.database.reading() as session:
        about = conversation_id(session, query["conversation"]) if "conversation" in query else 0
        limits = {"state": query.get("state", ""), "after": query.get("after", 0), "most": wanted(query)}
        rows = dead_letters.find(session, {**limits, "conversation": about})
    return page(rows, query, _shown, lambda row: row.id)


@noun.get(f"/dead-letters/{ROW_ID}")
def read_dead_letter(asked: Asked, number: int) -> DeadLetterData:
    """One of them; 409 when it was decided about already."""
    with asked.house.database.reading() as session:
        return _shown(dead_letters.read(session, number))


@noun.post(f"/dead-letters/{ROW_ID}/retry", fields({}), status=202)
def retry(asked: Asked, number: int) -> DeadLetterDecisionData:
    """Sends it again. One that is unknown may arrive twice by that, unless its provider knows its key."""
    return _decide(asked, "retry", number, lambda session: dead_letters.retry(session, number))


@noun.post(f"/dead-letters/{ROW_ID}/edit", fields({"text": text(10_000, 1)}, "text"), status=202)
def edit(asked: Asked, number: int) -> DeadLetterDecisionData:
    """Sends another text in its place, as an agent's message; 409 `not_editable` for an e-mail or a post."""
    return _decide(asked, "edit", number, lambda session: dead_letters.edit(session, number, asked.body["text"]))


@noun.post(f"/dead-letters/{ROW_ID}/skip", fields({}), status=202)
def skip(asked: Asked, number: int) -> DeadLetterDecisionData:
    """Leaves it as it is: it is dealt with, and in this list no more."""
    return _decide(asked, "skip", number, lambda session: dead_letters.skip(session, number))


def _decide(asked: Asked, do: str, number: int, decide: Callable[[Session], Row[Any]]) -> DeadLetterDecisionData:
    def noted(session: Session) -> Row[Any]:
        row = decide(session)
        note_act(session, asked.who, f"{do}_{_word(row)}", f"{reference(row.conversation_id)} {_word(row)} {number}")
        return row

    row = asked.house.database.retried(noted)
    asked.house.lanes.announce(row.conversation_id)
    asked.house.lanes.wake("turns")
    return {"id": number, "conversation": reference(row.conversation_id), "did": f"{do}_{_word(row)}"}


def _shown(row: Row[Any]) -> DeadLetterData:
    unknown = row.state == "unknown"
    return {
        "id": row.id,
        "kind": row.kind,
        "conversation": reference(row.conversation_id),
        "state": row.state,
        "error": row.error,
        "question": _QUESTION if unknown else None,
        "attempts": row.attempts,
        **(_letter_data(row) if dead_letters.is_letter(row) else _message_data(row)),
        "to": row.to,
        "at": _instant(row.created_at),
        "settled_at": None if row.settled_at is None else _instant(row.settled_at),
    }


def _message_data(row: Row[Any]) -> UndeliveredData:
    return {
        "author": row.author,
        "subject": None,
        "text": row.text,
        "media": json.loads(row.media),
        "number": row.number,
        "connection": row.connection,
        "credential": None,
    }


def _letter_data(row: Row[Any]) -> UndeliveredData:
    letter = json.loads(row.payload)
    files: list[AttachmentData] = letter.get("media", [])
    return {
        "author": "flow",
        "subject": letter.get("subject"),
        "text": letter["text"],
        "media": [{**item, "kind": "attachment"} for item in files],  # stored without it in an e-mail
        "number": None,
        "connection": None,
        "credential": letter["credential"],
    }


def _word(row: Row[Any]) -> str:
    return "letter" if dead_letters.is_letter(row) else "message"


def _instant(microseconds: int) -> str:
    return from_microseconds(microseconds).isoformat()
