"""The API's exports and imports: flows leave in a file and come from one, as a whole or not at all."""

from typing import Final

from flask import Response

from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.publishing import ask_ahead
from app.publishing.import_plan import Choices, plan
from app.publishing.importing import FlowImportPlanData, apply, export_all, plan_data
from app.web.api.doors import MOST_BYTES_KEY, YES_NO, Asked, Noun, Schema, fields, needed, text
from app.web.api.flows import DraftData, draft_data
from app.web.refusals import Refusal
from flows import flow_file
from flows.flow_file import NEEDS

noun = Noun("transfers", Right.READ_FLOWS, Right.EDIT_FLOWS)

_NAMES: Schema = {"type": "array", "items": text(200, 1), "maxItems": flow_file.MOST_FLOWS}
_DECISION = fields({"use": text(200, 1), "create": {"type": "object"}, "leave": YES_NO})
_DECISIONS: Schema = {"type": "object", "additionalProperties": _DECISION, "maxProperties": 500}
_IMPORT: Schema = {
    **fields(
        {
            "file": {"type": "object"},
            "names": {"type": "object", "additionalProperties": text(200), "maxProperties": flow_file.MOST_FLOWS},
            "needs": fields(dict.fromkeys(NEEDS, _DECISIONS)),
            "leave_missing": YES_NO,
        },
        "file",
    ),
    MOST_BYTES_KEY: flow_file.MOST_BYTES,
}
CREATING: Final = {  # what creating it beside an import takes, as its own door does
    "credentials": Right.EDIT_CREDENTIALS,
    "queues": Right.EDIT_QUEUES,
    "calendars": Right.EDIT_QUEUES,
    "constants": Right.EDIT_SETTINGS,
    "segments": Right.EDIT_CONTACTS,
}


class ImportedFlowsData(FlowImportPlanData):
    """What an import did, and the drafts that it left."""

    drafts: list[DraftData]


@noun.post("/exports", fields({"flows": _NAMES}), right=needed(Right.READ_FLOWS))
def export_flows(asked: Asked) -> Response:
    """The drafts of these flows, or of all, as one file with the names of what they need; never a secret."""
    names = asked.body.get("flows", [])
    with asked.house.database.transaction() as session:
        stored = export_all(session, asked.house, names)
        note_act(session, asked.who, "export_flows", ", ".join(names)[:1_000] or "all")
    response = Response(stored, mimetype="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="flows.json"'
    return response


@noun.post("/imports/plan", _IMPORT)
def plan_import(asked: Asked) -> FlowImportPlanData:
    """What importing this file would do: which flows are new, and what is found, missing, or taken. Changes nothing."""
    file = flow_file.from_data(asked.body["file"], asked.house.limits)
    with asked.house.database.reading() as session:
        return plan_data(plan(session, asked.house, file, _choices(asked)))


@noun.post("/imports", _IMPORT, status=201)
def import_flows(asked: Asked) -> ImportedFlowsData:
    """Imports a file, or a bare flow document, as a whole; 409 `import_undecided` while something is missing."""
    file = flow_file.from_data(asked.body["file"], asked.house.limits)
    _keep_rights(asked)
    if asked.house.steps.has_plugins:
        with asked.house.database.reading() as session:
            planned = plan(session, asked.house, file, _choices(asked))
        ask_ahead(asked.house.steps, *(one.flow for one in planned.flows))
    with asked.house.database.transaction() as session:
        done, drafts = apply(session, asked.house, file, _choices(asked), asked.who)
        return {**plan_data(done), "drafts": [draft_data(session, asked.house, draft) for draft in drafts]}


def _choices(asked: Asked) -> Choices:
    body = asked.body
    return Choices(body.get("names", {}), body.get("needs", {}), body.get("leave_missing", False))


def _keep_rights(asked: Asked) -> None:
    """Nobody creates by an import what they may not create otherwise. Raises: Refusal (403)."""
    for kind, decisions in asked.body.get("needs", {}).items():
        right = CREATING.get(kind)
        if right and right not in asked.caller.rights and any("create" in one for one in decisions.values()):
            sentence = f"Creating {kind} needs the right {right}: choose what is there, or ask one of your admins."
            raise Refusal(403, "right_missing", sentence, {"rights": [right]})
