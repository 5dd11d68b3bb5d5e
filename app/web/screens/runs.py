"""The page of one run, to which letters and posts to the team lead: where it stands, why, and by which steps."""

import re
from itertools import islice
from typing import Final

from flask import request
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.roles import Right
from app.channels.registry import channels
from app.db import now
from app.errors import NotFound
from app.models import Connection, Conversation, RunRow
from app.web.api.doors import ROW_ID
from app.web.api.run_queries import runs
from app.web.api.run_views import runs_data
from app.web.screens.doors import Screens, Visit
from app.web.screens.frame import framed
from app.web.screens.run_standing import standing
from app.web.screens.visited_steps import END, Place, shown_steps, visits

screens = Screens("runs")

_MOST: Final = 50
_PLACE: Final = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")


@screens.get(f"/runs/{ROW_ID}", Right.READ_RUNS)
def show(visit: Visit, number: int) -> BaseResponse:
    """How it stands, and its latest steps; `before` leads to earlier ones."""
    before = _place(request.args.get("before", ""))
    with visit.house.database.reading() as session:
        found = session.execute(runs().where(RunRow.id == number)).first()
        if found is None:
            raise NotFound("There is no such run: look at the address, or ask whoever gave it to you.")
        row, present = found[0], now(session)
        told = runs_data(session, [found], visit.caller.rights)[0]
        stands = standing(session, visit.house.steps, row, present)
        kind = select(Connection.kind).join(Conversation, Conversation.connection_id == Connection.id)
        channel = channels().get(session.scalar(kind.where(Conversation.id == row.conversation_id)) or "")
        visited = list(islice(visits(session, row.id, before), _MOST + 1))
        steps = shown_steps(session, visit.house.steps, row, visited[:_MOST][::-1])
    address = told["address"]
    return framed(
        "run.html",
        visit.caller,
        run=told,
        stands=stands,
        began_at=row.started_at,
        address=address["value"] if address and address["kind"] != "visitor" else "",
        channel=channel.title if channel else "",
        steps=steps,
        earlier=visited[_MOST - 1].place if len(visited) > _MOST else None,
        is_earlier=before != END,
        present=present,
    )


def _place(text: str) -> Place:
    """The place that an address names; the end, where it names none."""
    found = _PLACE.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else END
