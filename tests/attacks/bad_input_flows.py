"""The flows that bad input meets: one asks an API for a message's sender, one answers calls."""

from typing import Any


def loyalty(outside: str) -> dict[str, Any]:
    """Asks the API at this origin for a status and tells it, or what went wrong."""
    return {
        "format": 1,
        "name": "Loyalty",
        "languages": ["en"],
        "steps": {
            "message": {"type": "incoming_message", "config": {"numbers": ["hotline"]}, "exits": {"next": "ask"}},
            "ask": {
                "type": "fetch_variable",
                "config": {
                    "url": outside + "/customers/{{ contact.phone }}",
                    "timeout_seconds": 1,
                    "retry_count": 0,
                    "mapping": [{"path": "status", "variable": "status", "type": "text", "required": True}],
                },
                "exits": {"success": "tell", "not_found": "end", "failure": "sorry"},
            },
            "tell": _tell("You are {{ status }}."),
            "sorry": _tell("Sorry: {{ error.kind }}."),
        },
    }


def _tell(words: str) -> dict[str, Any]:
    return {
        "type": "send_message",
        "config": {"text": {"en": words}, "wait_for": "nothing"},
        "exits": {"success": "end"},
    }


GREETING: dict[str, Any] = {
    "format": 1,
    "name": "Greeting",
    "languages": ["en"],
    "steps": {
        "call": {"type": "incoming_call", "config": {"numbers": ["hotline"]}, "exits": {"next": "say"}},
        "say": {"type": "say", "config": {"text": {"en": "Hello."}}, "exits": {"next": "end"}},
    },
}
