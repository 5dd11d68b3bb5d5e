"""The flow under test: asks an API, branches on the answer, notes a visit, and sends the message's own words back."""

from collections.abc import Mapping
from typing import Any

from flows import document
from flows.document import Flow

NUMBER = "echo-line"
API = "doubles_api"

_VISIT = {"json": {"phone": "{{ contact.phone }}", "text": "{{ message.text }}"}}


def _tier(name: str) -> Mapping[str, Any]:
    condition = {"value": "{{ loyalty_status }}", "as": "text", "operator": "is", "operand": name}
    return {"id": name, "match": "all", "conditions": [condition]}


def echo_flow(wait_for: str = "nothing", *, notes: bool = True) -> Flow:
    """Platinum's visits may be noted twice, gold's may not; both are answered whatever comes of it.

    Without `notes` no visit is noted: one GET, a branch, one message.
    """
    note = {"base": API, "url": "/visits", "method": "POST", "body": _VISIT}
    after_note = {"success": "answer", "not_found": "answer", "failure": "answer"}
    noting = {
        "note_freely": {
            "type": "fetch_variable",
            "config": {**note, "may_be_repeated": True},
            "exits": after_note,
        },
        "note_once": {"type": "fetch_variable", "config": note, "exits": after_note},
    }
    tiers = {"platinum": "note_freely", "gold": "note_once"} if notes else {"platinum": "answer", "gold": "answer"}
    return document.from_data(
        {
            "format": 1,
            "name": "Echo",
            "languages": ["en"],
            "variables": {"loyalty_status": {"type": "text"}},
            "steps": {
                "message": {
                    "type": "incoming_message",
                    "config": {"numbers": [NUMBER]},
                    "exits": {"next": "loyalty"},
                },
                "loyalty": {
                    "type": "fetch_variable",
                    "config": {
                        "base": API,
                        "url": "/customers/{{ contact.phone }}",
                        "mapping": [
                            {"path": "status", "variable": "loyalty_status", "type": "text", "default": "none"}
                        ],
                    },
                    "exits": {"success": "tier", "not_found": "answer", "failure": "answer"},
                },
                "tier": {
                    "type": "branch",
                    "config": {"cases": [_tier("platinum"), _tier("gold")]},
                    "exits": {**tiers, "otherwise": "answer"},
                },
                **(noting if notes else {}),
                "answer": {
                    "type": "send_message",
                    "config": {"text": {"en": "answer to {{ message.text }}"}, "wait_for": wait_for},
                    "exits": {"success": "end", "failure": "end"},
                },
            },
        }
    )
