"""Files of flows: made, planned, imported into an installation and exported out of it."""

from typing import Any

from app.publishing.import_plan import Choices, plan
from app.publishing.importing import FlowImportPlanData, apply, export_all, plan_data
from flows import flow_file
from flows.flow_file import FlowFile
from tests.app.seeded import Seeded

CANARY = "canary-7f3a9e-secret"


def flow(name: str, queue: str = "vip-night", number: str = "web-chat", **more: Any) -> dict[str, Any]:
    """A flow that names a number, a queue, a credential and a constant."""
    people = {"target": {"queue": queue}, "waiting_text": {"en": "Call {{ constants.support_phone }}."}}
    closed = {"closed": "end", "timed_out": "end", "full": "end", "out_of_hours": "end"}
    fetch = {"credential": "crm_key", "url": "https://crm.example.com/x", "mapping": []}
    done = {"success": "people", "not_found": "people"}
    return {
        "format": 1,
        "name": name,
        "languages": ["en"],
        "steps": {
            "message": {"type": "incoming_message", "config": {"numbers": [number]}, "exits": {"next": "fetch"}},
            "fetch": {"type": "fetch_variable", "config": fetch, "exits": done},
            "people": {"type": "forward_to_queue", "config": people, "exits": closed},
        },
        "tests": [{"id": "one", "name": "One", "turns": []}],
        **more,
    }


def file_of(*flows: dict[str, Any], **more: Any) -> FlowFile:
    return flow_file.from_data({"format": 1, "flows": list(flows), **more})


def planned(house: Seeded, file: FlowFile, choices: Choices = Choices()) -> FlowImportPlanData:  # noqa: B008  immutable
    """The plan, as data."""
    with house.house.database.reading() as session:
        return plan_data(plan(session, house.house, file, choices))


def imported(house: Seeded, file: FlowFile, choices: Choices) -> list[str]:
    """The names of the flows that an import kept, committed."""
    with house.house.database.transaction() as session:
        return [draft.name for draft in apply(session, house.house, file, choices, "ada")[1]]


def exported(house: Seeded, *names: str) -> str:
    with house.house.database.reading() as session:
        return export_all(session, house.house, names)


def states(plan_: FlowImportPlanData) -> dict[str, str]:
    return {f"{need['kind']}.{need['name']}": need["state"] for need in plan_["needs"]}


LEAVE = Choices(leaves_all=True)
