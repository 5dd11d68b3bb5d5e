"""The API's doors about runs that begin from our side: started with an input, and by a flow's schedules."""

import secrets
from typing import Annotated, Final, TypedDict

from flask import request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import publishing, starts
from app.accounts.roles import Right
from app.errors import Invalid
from app.models import Occurrence, OccurrenceContact
from app.models.conversation import reference
from app.web.api.answers import Instant, OneOf, PageData
from app.web.api.doors import SLUG, Asked, Noun, fields, line, text
from app.web.api.lists import PAGE, page, wanted
from app.web.rates import Rates
from app.web.refusals import Refusal

noun = Noun("starts", Right.READ_RUNS, Right.START_RUNS)

_LONGEST_KEY: Final = 200
_RATES: Final = Rates(per_second=50, burst=200)  # of one caller; a run costs more than a look
_START: Final = fields({"number": SLUG, "address": text(200, 1), "name": line(200), "input": {}}, "number", "address")
_OCCURRENCE_STATES: Final = ("planned", "never", "filling", "filled", "missed", "empty", "cancelled")


class OccurrenceData(TypedDict):
    """A time at which a schedule starts a flow: `filling` its contacts are written down, at `filled` all of them are.

    `waiting`, `started` and `passed_over` are how many of these contacts are so.
    """

    id: int
    step: str
    due_at: Instant
    state: Annotated[str, OneOf(_OCCURRENCE_STATES), "`never`: there is no further time."]
    waiting: int
    started: int
    passed_over: int


class StartedRunData(TypedDict):
    """The run that was started, its conversation, and the Idempotency-Key by which it is known; one that was made for
    it, where none was sent."""

    run: int
    conversation: str
    key: str


@noun.get("/flows/<flow>/occurrences", PAGE)
def list_occurrences(asked: Asked, flow: str) -> PageData[OccurrenceData]:
    """The times at which a flow's schedules start it, the newest first, and for how many contacts each did."""
    with asked.house.database.reading() as session:
        query = select(Occurrence).where(Occurrence.flow_id == publishing.find_flow(session, flow).id)
        if asked.query.get("after"):
            query = query.where(Occurrence.id < asked.query["after"])
        rows = session.scalars(query.order_by(Occurrence.id.desc()).limit(wanted(asked.query))).all()
        counts = _counts(session, [row.id for row in rows])
    return page(rows, asked.query, lambda row: _shown(row, counts), lambda row: row.id)


@noun.post("/flows/<flow>/runs", _START, status=202)
def start_run(asked: Asked, flow: str) -> StartedRunData:
    """Starts a run of the published flow for a contact, by their address on one of our numbers.

    The header Idempotency-Key makes it exactly one: the same request gets the same answer. 409 names the run that is
    under way.
    """
    key = request.headers.get("Idempotency-Key", "") or secrets.token_hex(16)
    if len(key) > _LONGEST_KEY or not key.isprintable():
        raise Invalid(
            f"An Idempotency-Key has at most {_LONGEST_KEY} printable characters.", "bad_key", field="Idempotency-Key"
        )
    if waits := _RATES.take(asked.who):
        sentence = "More runs are started at once than one caller may start: try again in a moment."
        raise Refusal(429, "rate_limited", sentence, retry_after_seconds=max(1, round(waits)))
    with asked.house.database.transaction() as session:
        ordered = starts.Ordered(
            flow_id=publishing.find_flow(session, flow).id,
            number=asked.body["number"],
            address=asked.body["address"],
            input=asked.body.get("input", {}),
            key=f"{asked.who}/{key}",
            name=asked.body.get("name", ""),
        )
        started = starts.start(session, ordered)
    asked.house.lanes.wake("turns")
    return {"run": started.run_id, "conversation": reference(started.conversation_id), "key": key}


def _counts(session: Session, ids: list[int]) -> dict[tuple[int, str], int]:
    """How many contacts of each occurrence are in each state."""
    columns = (OccurrenceContact.occurrence_id, OccurrenceContact.state)
    query = select(*columns, func.count()).where(OccurrenceContact.occurrence_id.in_(ids)).group_by(*columns)
    return {(row[0], row[1]): row[2] for row in session.execute(query)}


def _shown(row: Occurrence, counts: dict[tuple[int, str], int]) -> OccurrenceData:
    return {
        "id": row.id,
        "step": row.step,
        "due_at": row.due_at.isoformat(),
        "state": row.state,
        "waiting": counts.get((row.id, "waiting"), 0),
        "started": counts.get((row.id, "started"), 0),
        "passed_over": counts.get((row.id, "passed_over"), 0),
    }
