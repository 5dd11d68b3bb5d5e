"""The API's changes: what others did and what went wrong, as a list to go on from and as a stream of events."""

from typing import Annotated, TypedDict

from app.accounts.roles import Right
from app.web import changes
from app.web.api.change_views import ChangeData, changes_after
from app.web.api.doors import Asked, Noun, fields
from app.web.api.lists import PAGE, wanted

noun = Noun("changes", Right.READ_FLOWS, Right.READ_FLOWS)


class ChangesData(TypedDict):
    """Some changes, the oldest first."""

    items: list[ChangeData]
    next: Annotated[int, "The place to go on from: the `after` of the next question, whether there is more or not."]


class ChangesTicketData(TypedDict):
    """What opens the stream of changes; `address` has the ticket in it."""

    ticket: str
    address: str


@noun.get("/changes", PAGE)
def list_changes(asked: Asked) -> ChangesData:
    """What changed since `after`, the oldest first: drafts, versions and problems, two seconds after they happened.

    `next` is always the place to go on from: ask again with it as `after`, at most once a second.
    """
    with asked.house.database.reading() as session:
        most, after = wanted(asked.query) - 1, asked.query.get("after", 0)
        listed = changes_after(session, after, most, with_problems=Right.READ_RUNS in asked.caller.rights)
    return {"items": listed.items, "next": listed.place}


@noun.post("/changes/tickets", fields({}), status=201)
def make_ticket(asked: Asked) -> ChangesTicketData:
    """What opens the stream of changes within 60 seconds: `GET /updates?ticket=…`, events of the name `changes`."""
    with asked.house.database.reading() as session:
        ticket = changes.new_ticket(session, asked.house.key, asked.who)
    return {"ticket": ticket, "address": f"/updates?ticket={ticket}"}
