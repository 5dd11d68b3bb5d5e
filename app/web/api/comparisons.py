"""The API's comparisons: what differs between two states of a flow, as data."""

from app import publishing
from app.accounts.roles import Right
from app.web.api.doors import Asked, Noun, Schema, fields, whole
from app.web.api.simulations import drawn_as
from flows import document
from flows.comparison import ComparisonData, compare, comparison_data

noun = Noun("comparisons", Right.READ_FLOWS, Right.READ_FLOWS)

_SIDE: Schema = fields({"document": {"type": "object"}, "revision": whole(1), "version": whole(1)})


@noun.post("/flows/<flow>/compare", fields({"from": _SIDE, "to": _SIDE}))
def compare_flow(asked: Asked, flow: str) -> ComparisonData:
    """What changes `from` one state of a flow `to` another: each a version, a revision, a document, else the draft.

    Steps and fields that were added, removed, rewired and changed, with old and new value; the layout stands apart.
    """
    sides = []
    with asked.house.database.reading() as session:
        row = publishing.find_flow(session, flow)
        for name in ("from", "to"):
            side = asked.body.get(name, {})
            given = side.get("document")
            sides.append(
                drawn_as(session, row, side) if given is None else document.from_data(given, asked.house.limits)
            )
    return comparison_data(compare(sides[0], sides[1]))
