"""The API's runs: where each conversation stands in its flow, and why it came there."""

from typing import Final, TypedDict

from app.accounts.roles import Right
from app.errors import NotFound
from app.mending import replay_turn, retry
from app.models import RunRow, TurnRow
from app.web.api.answers import PageData
from app.web.api.doors import ROW_ID, YES_NO, Asked, Noun, fields, whole
from app.web.api.lists import PAGE, page, wanted
from app.web.api.run_queries import FILTERS, filtered, runs, turns
from app.web.api.run_views import UNREADABLE, RunData, RunDetailData, runs_data, standing_data
from app.web.api.turn_views import ReplayedTurnData, RunTurnData, turns_data
from app.web.api.visit_views import visits_data
from flows.errors import FlowError

noun = Noun("runs", Right.READ_RUNS, Right.MEND_RUNS)

_MOST_TURNS: Final = 20
"""On a page of a trace: the record of each is read whole, with all that other systems answered."""


class RetriedRunData(TypedDict):
    """The new run of a failed one; `duplicate`: it was begun before."""

    run: int
    duplicate: bool


@noun.get("/runs", {**PAGE, **FILTERS})
def list_runs(asked: Asked) -> PageData[RunData]:
    """Runs, the newest first; `step` finds those that stand there or failed there, `problem` a kind or `any`."""
    with asked.house.database.reading() as session:
        query = filtered(session, runs(), asked.query).order_by(RunRow.id.desc()).limit(wanted(asked.query))
        if asked.query.get("after"):
            query = query.where(RunRow.id < asked.query["after"])
        rows = session.execute(query).all()
        shown = runs_data(session, rows, asked.caller.rights)
    return page(shown, asked.query, lambda run: run, lambda run: run["id"])


@noun.get(f"/runs/{ROW_ID}")
def read_run(asked: Asked, number: int) -> RunDetailData:
    """One run: the steps it stands on, its variables, and what it waits for.

    These are null for a run that an older release wrote in another form.
    """
    with asked.house.database.reading() as session:
        row = session.execute(runs().where(RunRow.id == number)).first()
        if row is None:
            raise _no_run(number)
        told = runs_data(session, [row], asked.caller.rights)[0]
        try:
            return {**told, **standing_data(session, row[0])}
        except FlowError:
            return {**told, **UNREADABLE}


@noun.get(f"/runs/{ROW_ID}/trace", {**PAGE, "limit": whole(1, _MOST_TURNS)})
def read_trace(asked: Asked, number: int) -> PageData[RunTurnData]:
    """A run's turns, the first one first: each visited step with its inputs, its exit and why, and what left by it.

    `again` is the turn's event in the words of a test, for trying it in a simulated conversation. A page has 20 turns.
    """
    query = {"limit": _MOST_TURNS, **asked.query}
    with asked.house.database.reading() as session:
        run = session.get(RunRow, number)
        if run is None:
            raise _no_run(number)
        found = turns(number).add_columns(TurnRow.record)
        if "after" in query:
            found = found.where(TurnRow.number > query["after"])
        rows = session.execute(found.order_by(TurnRow.number).limit(wanted(query))).all()
        shown = turns_data(session, run, rows)
    return page(shown, query, lambda turn: turn, lambda turn: turn["turn"])


@noun.post(f"/runs/{ROW_ID}/turns/<int(max=1000000):turn>/replay", fields({}), right=Right.READ_RUNS)
def replay_recorded_turn(asked: Asked, number: int, turn: int) -> ReplayedTurnData:
    """Walks a recorded turn again from what was stored, and compares it byte for byte; nothing is sent or asked."""
    with asked.house.database.reading() as session:
        replayed = replay_turn(session, asked.house, number, turn)
        (visits,) = visits_data(session, [replayed.trace])
    return {"same": replayed.same, "sentence": replayed.sentence, "trace": visits}


@noun.post(f"/runs/{ROW_ID}/retry", fields({"anyway": YES_NO, "take_back": YES_NO}), status=202)
def retry_run(asked: Asked, number: int) -> RetriedRunData:
    """Begins a failed run again with its first event, as a new run of what is live now; once for each failed run.

    409 `would_repeat` lists messages that left and requests that may not be repeated, unless `anyway`. `take_back`
    takes the conversation from people first.
    """
    given = {name: asked.body.get(name, False) for name in ("anyway", "take_back")}
    with asked.house.database.transaction() as session:
        retried = retry(session, number, asked.who, **given)
    asked.house.lanes.wake("turns")
    return {"run": retried.run_id, "duplicate": retried.duplicate}


def _no_run(number: int) -> NotFound:
    return NotFound(f"There is no run {number}: GET /api/v1/runs lists them.")
