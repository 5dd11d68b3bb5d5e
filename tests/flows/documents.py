"""The VIP flow of the design as data, and a table of documents that are wrong in one place each."""

from typing import Any

SIP = "sip:{}@queues.example.com;transport=tcp"


def case(tier: str) -> dict[str, Any]:
    condition = {"value": "{{ loyalty_status }}", "as": "text", "operator": "is", "operand": tier}
    return {"id": tier, "match": "all", "conditions": [condition]}


def vip_calls() -> dict[str, Any]:
    """The document of DESIGN section 2, new at every call."""
    return {
        "format": 1,
        "name": "VIP calls",
        "description": "Platinum and gold callers have queues of their own.",
        "languages": ["en", "pl"],
        "on_failure": "sorry",
        "on_hang_up": "missed",
        "variables": {"loyalty_status": {"type": "text", "private": False, "note": "from the CRM"}},
        "steps": {
            "call": {"type": "incoming_call", "config": {"numbers": ["support-line"]}, "exits": {"next": "loyalty"}},
            "loyalty": {
                "type": "fetch_variable",
                "name": "Loyalty status",
                "config": {
                    "credential": "crm",
                    "url": "https://crm.example.com/customers/{{ contact.phone }}",
                    "mapping": [{"path": "status", "variable": "loyalty_status", "type": "text", "default": "none"}],
                },
                "exits": {"success": "tier", "not_found": "standard", "failure": "standard"},
            },
            "tier": {
                "type": "branch",
                "config": {"cases": [case("platinum"), case("gold")]},
                "exits": {"platinum": "best", "gold": "gold", "otherwise": "standard"},
            },
            "best": {
                "type": "forward_to_queue",
                "config": {"target": {"sip": SIP.format("platinum")}},
                "exits": {"closed": "end", "timed_out": "standard"},
            },
            "gold": {
                "type": "forward_to_queue",
                "config": {"target": {"sip": SIP.format("gold")}},
                "exits": {"closed": "end", "timed_out": "standard"},
            },
            "standard": {
                "type": "forward_to_queue",
                "config": {"target": {"queue": "standard"}},
                "exits": {"closed": "end", "timed_out": "sorry", "full": "sorry", "out_of_hours": "sorry"},
            },
            "sorry": {
                "type": "say",
                "config": {"text": {"en": "Sorry, nobody can answer now.", "pl": "Przepraszamy, proszę później."}},
                "exits": {"next": "end"},
            },
            "missed": {
                "type": "send_message",
                "config": {"text": {"en": "Sorry that we missed your call.", "pl": "Przepraszamy."}},
                "exits": {"success": "end"},
            },
        },
        "layout": {"direction": "down", "at": {"call": [0, 0], "loyalty": [0, 144]}},
        "groups": [{"id": "g1", "title": "Queues", "steps": ["best", "gold", "standard"]}],
        "notes": [{"id": "n1", "text": "Owned by the loyalty team", "at": [320, 0]}],
        "tests": [
            {
                "id": "t1",
                "name": "Gold",
                "at": "2026-11-21T09:00:00Z",
                "contact": {"phone": "+48221234567"},
                "answers": {"loyalty": [{"status": 200, "body": '{"status": "gold"}'}]},
                "turns": [{"event": {"call": ""}, "expect": [{"exit": "tier.gold"}]}, {"event": {"hang_up": True}}],
            }
        ],
    }


def changed(path: str, value: Any) -> dict[str, Any]:
    """The VIP flow with one place set to a value; `...` takes the place out."""
    document: Any = vip_calls()
    *parents, last = path.split(".")
    inner = document
    for part in parents:
        inner = inner[int(part)] if isinstance(inner, list) else inner[part]
    if value is ...:
        del inner[last]
    else:
        inner[int(last) if isinstance(inner, list) else last] = value
    return dict(document)


# (where, what stands there, the place the refusal names, its code); the schema of other tools refuses each as well.
WRONG: list[tuple[str, Any, str, str]] = [
    ("format", ..., "format", "missing_key"),
    ("format", 2, "format", "unknown_format"),
    ("format", 0, "format", "unknown_format"),
    ("format", "1", "format", "wrong_type"),
    ("format", True, "format", "wrong_type"),
    ("format", None, "format", "wrong_type"),
    ("colour", "red", "colour", "unknown_key"),
    ("Name", "x", "Name", "unknown_key"),
    ("name", ..., "name", "missing_key"),
    ("name", "", "name", "bad_value"),
    ("name", "  \n", "name", "bad_value"),
    ("name", 7, "name", "wrong_type"),
    ("name", "x" * 201, "name", "bad_value"),
    ("name", "a\r\nb", "name", "bad_value"),
    ("name", "a\x1b[31mb", "name", "bad_value"),
    ("name", "a\u2028b", "name", "bad_value"),
    ("description", None, "description", "wrong_type"),
    ("languages", ..., "languages", "missing_key"),
    ("languages", [], "languages", "bad_value"),
    ("languages", "en", "languages", "wrong_type"),
    ("languages", ["en", "en"], "languages", "bad_value"),
    ("languages", ["English"], "languages.0", "bad_value"),
    ("languages", ["en", 1], "languages.1", "wrong_type"),
    ("languages", ["en\n"], "languages.0", "bad_value"),
    ("on_failure", "", "on_failure", "bad_value"),
    ("on_failure", None, "on_failure", "wrong_type"),
    ("on_hang_up", "Missed", "on_hang_up", "bad_value"),
    ("variables", [], "variables", "wrong_type"),
    ("variables.Tier", {"type": "text"}, "variables.Tier", "bad_value"),
    ("variables.tier", {}, "variables.tier.type", "missing_key"),
    ("variables.tier", {"type": "string"}, "variables.tier.type", "bad_value"),
    ("variables.tier", {"type": "text", "private": 1}, "variables.tier.private", "wrong_type"),
    ("variables.tier", {"type": "text", "secret": True}, "variables.tier.secret", "unknown_key"),
    ("steps", ..., "steps", "missing_key"),
    ("steps", [], "steps", "wrong_type"),
    ("steps.end", {"type": "end"}, "steps.end", "bad_value"),
    ("steps.Call", {"type": "end"}, "steps.Call", "bad_value"),
    ("steps.1st", {"type": "end"}, "steps.1st", "bad_value"),
    ("steps.a-b", {"type": "end"}, "steps.a-b", "bad_value"),
    ("steps.ab\n", {"type": "end"}, "steps.ab\n", "bad_value"),
    ("steps.żółw", {"type": "end"}, "steps.żółw", "bad_value"),
    ("steps." + "a" * 41, {"type": "end"}, "steps." + "a" * 41, "bad_value"),
    ("steps.x", "say", "steps.x", "wrong_type"),
    ("steps.x", {}, "steps.x.type", "missing_key"),
    ("steps.x", {"type": "Say"}, "steps.x.type", "bad_value"),
    ("steps.x", {"type": 1}, "steps.x.type", "wrong_type"),
    ("steps.x", {"type": "say", "config": []}, "steps.x.config", "wrong_type"),
    ("steps.x", {"type": "say", "config": {"a": [2**53]}}, "steps.x.config.a.0", "number_out_of_range"),
    ("steps.x", {"type": "say", "exits": []}, "steps.x.exits", "wrong_type"),
    ("steps.x", {"type": "say", "exits": {"next": None}}, "steps.x.exits.next", "wrong_type"),
    ("steps.x", {"type": "say", "exits": {"next": "no such id"}}, "steps.x.exits.next", "bad_value"),
    ("steps.x", {"type": "say", "exits": {"Next": "end"}}, "steps.x.exits.Next", "bad_value"),
    ("steps.x", {"type": "say", "exits": {f"e{n}": "end" for n in range(51)}}, "steps.x.exits", "too_many_exits"),
    ("steps.x", {"type": "say", "name": 5}, "steps.x.name", "wrong_type"),
    ("steps.x", {"type": "say", "name": "x" * 201}, "steps.x.name", "bad_value"),
    ("steps.x", {"type": "say", "name": "a\nb"}, "steps.x.name", "bad_value"),
    ("steps.x", {"type": "say", "format": 0}, "steps.x.format", "bad_value"),
    ("steps.x", {"type": "say", "format": "2"}, "steps.x.format", "wrong_type"),
    ("steps.x", {"type": "say", "format": 1.5}, "steps.x.format", "wrong_type"),
    ("steps.x", {"type": "say", "position": [0, 0]}, "steps.x.position", "unknown_key"),
    ("steps", {f"s{n}": {"type": "say"} for n in range(1001)}, "steps", "too_many_steps"),
    ("layout", [], "layout", "wrong_type"),
    ("layout.zoom", 2, "layout.zoom", "unknown_key"),
    ("layout.direction", "up", "layout.direction", "bad_value"),
    ("layout.at", [], "layout.at", "wrong_type"),
    ("layout.at.call", [0], "layout.at.call", "wrong_type"),
    ("layout.at.call", [0, "1"], "layout.at.call", "wrong_type"),
    ("layout.at.call", [0, True], "layout.at.call", "wrong_type"),
    ("layout.at.Call", [0, 0], "layout.at.Call", "bad_value"),
    ("groups", {}, "groups", "wrong_type"),
    ("groups.0", "g1", "groups.0", "wrong_type"),
    ("groups.0.id", ..., "groups.0.id", "missing_key"),
    ("groups.0.id", "G 1", "groups.0.id", "bad_value"),
    ("groups.0.title", "", "groups.0.title", "bad_value"),
    ("groups.0.title", "a\tb", "groups.0.title", "bad_value"),
    ("groups.0.steps", "best", "groups.0.steps", "wrong_type"),
    ("groups.0.steps", [1], "groups.0.steps.0", "wrong_type"),
    ("groups.0.colour", "red", "groups.0.colour", "unknown_key"),
    ("notes", None, "notes", "wrong_type"),
    ("notes.0.text", ..., "notes.0.text", "missing_key"),
    ("notes.0.text", 1, "notes.0.text", "wrong_type"),
    ("notes.0.at", ..., "notes.0.at", "missing_key"),
    ("notes.0.at", [1, 2, 3], "notes.0.at", "wrong_type"),
    ("notes.0.by", "me", "notes.0.by", "unknown_key"),
    ("tests", {}, "tests", "wrong_type"),
    ("tests.0.name", ..., "tests.0.name", "missing_key"),
    ("tests.0.at", 5, "tests.0.at", "wrong_type"),
    ("tests.0.contact", [], "tests.0.contact", "wrong_type"),
    ("tests.0.answers", [], "tests.0.answers", "wrong_type"),
    ("tests.0.answers.loyalty", {}, "tests.0.answers.loyalty", "wrong_type"),
    ("tests.0.turns", ..., "tests.0.turns", "missing_key"),
    ("tests.0.turns.0.event", ..., "tests.0.turns.0.event", "missing_key"),
    ("tests.0.turns.0.event", "call", "tests.0.turns.0.event", "wrong_type"),
    ("tests.0.turns.0.expect", {}, "tests.0.turns.0.expect", "wrong_type"),
    ("tests.0.turns.0.n", 1, "tests.0.turns.0.n", "unknown_key"),
]

# Documents that are unusual and allowed.
RIGHT: list[tuple[str, Any]] = [
    ("format", 1),
    ("description", ...),
    ("on_failure", ...),
    ("on_failure", "no_such_step"),
    ("variables", ...),
    ("steps", {}),
    ("steps.x", {"type": "of_a_plugin", "format": 7, "config": {"deep": [{"a": None}, 1.5, -0.0, "é"]}}),
    ("steps.x", {"type": "say", "exits": {"next": "no_such_step"}}),
    ("steps.x", {"type": "say", "exits": {f"e{n}": "end" for n in range(50)}}),
    ("steps", {f"s{n}": {"type": "say"} for n in range(1000)}),
    ("layout", {}),
    ("layout.at.call", [0.4, -12.6]),
    ("groups", []),
    ("notes.0.text", ""),
    ("languages", ["pt-BR", "en", "zh-Hant-TW"]),
    ("name", "x" * 200),
]
