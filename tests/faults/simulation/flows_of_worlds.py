"""The flows of the simulated worlds: one asks an API, branches, notes and answers; one puts a question with a limit."""

from typing import Any, Final

from flows import document
from flows.document import Flow

API: Final = "customers_api"
TIME_LIMIT_SECONDS: Final = 30
_DAY: Final = 86_400
_VISIT: Final = {"json": {"phone": "{{ contact.phone }}", "text": "{{ message.text }}"}}


def echo() -> Flow:
    """Gold's visits may be noted once only, platinum's twice; every message is answered by its own words."""
    note = {"base": API, "url": "/visits", "method": "POST", "body": _VISIT}
    always = {"success": "answer", "not_found": "answer", "failure": "answer"}
    mapping = [{"path": "status", "variable": "tier", "type": "text", "default": "none"}]
    return _flow(
        "Echo",
        message={"type": "incoming_message", "config": {"numbers": ["echo-key", "echo-lookup"]},
                 "exits": {"next": "loyalty"}},
        loyalty={"type": "fetch_variable", "config": {"base": API, "url": "/tier", "mapping": mapping},
                 "exits": {"success": "branch", "not_found": "answer", "failure": "answer"}},
        branch={"type": "branch", "config": {"cases": [_case("platinum"), _case("gold")]},
                "exits": {"platinum": "note_freely", "gold": "note_once", "otherwise": "answer"}},
        note_freely={"type": "fetch_variable", "exits": always, "config": {
            **note, "url": "/visits/freely", "may_be_repeated": True}},
        note_once={"type": "fetch_variable", "config": note, "exits": always},
        answer={"type": "send_message", "exits": {"success": "end", "failure": "end"}, "config": {
            "text": {"en": "answer to {{ message.text }}"}, "wait_for": "accepted", "send_timeout_seconds": _DAY}},
    )  # fmt: skip


def question() -> Flow:
    """Whoever writes is asked for a name, has half a minute to answer, and is told what came of it."""
    ask = {"text": {"en": "Your name?"}, "answer": {"kind": "text"}, "variable": "name", "send_timeout_seconds": _DAY,
           "time_limit_seconds": TIME_LIMIT_SECONDS}  # fmt: skip
    last = {"success": "end", "failure": "end"}
    return _flow(
        "Question",
        message={"type": "incoming_message", "config": {"numbers": ["question-key", "question-lookup"]},
                 "exits": {"next": "ask"}},
        ask={"type": "ask_question", "config": ask,
             "exits": {"reply": "thanks", "timed_out": "late", "invalid": "late", "failure": "end"}},
        thanks={"type": "send_message", "config": {
            "text": {"en": "thanks {{ name }}"}, "send_timeout_seconds": _DAY}, "exits": last},
        late={"type": "send_message", "config": {
            "text": {"en": "too late"}, "send_timeout_seconds": _DAY}, "exits": last},
    )  # fmt: skip


def _case(tier: str) -> dict[str, Any]:
    condition = {"value": "{{ tier }}", "as": "text", "operator": "is", "operand": tier}
    return {"id": tier, "match": "all", "conditions": [condition]}


def _flow(name: str, **steps: Any) -> Flow:
    return document.from_data({"format": 1, "name": name, "languages": ["en"], "steps": steps})
