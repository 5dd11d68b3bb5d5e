"""How long a carrier waits for the first document of a call: through a worker, and inside the web process itself."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.load import Line
from flows import document
from flows.document import Flow
from tests.faults.driver import phone_of, signed_request
from tests.faults.echo_flow import API, NUMBER
from tests.faults.installation import ACCOUNT, OURS
from tests.faults.site import Site

FIRST_CALLER = 900_000
_PAUSE_SECONDS = 0.05


def voice_flow() -> Flow:
    """A call is answered after a look into the API: a menu for platinum customers, words for the others."""
    condition = {"value": "{{ loyalty_status }}", "as": "text", "operator": "is", "operand": "platinum"}
    steps: dict[str, Mapping[str, Any]] = {
        "call": {"type": "incoming_call", "config": {"numbers": [NUMBER]}, "exits": {"next": "loyalty"}},
        "loyalty": {
            "type": "fetch_variable",
            "config": {
                "base": API,
                "url": "/customers/{{ contact.phone }}",
                "mapping": [{"path": "status", "variable": "loyalty_status", "type": "text", "default": "none"}],
            },
            "exits": {"success": "tier", "not_found": "words", "failure": "words"},
        },
        "tier": {
            "type": "branch",
            "config": {"cases": [{"id": "platinum", "match": "all", "conditions": [condition]}]},
            "exits": {"platinum": "welcome", "otherwise": "words"},
        },
        "welcome": {"type": "say", "config": {"text": {"en": "Welcome back."}}, "exits": {"next": "end"}},
        "words": {"type": "say", "config": {"text": {"en": "Thank you for calling."}}, "exits": {"next": "end"}},
    }
    return document.from_data(
        {
            "format": 1,
            "name": "Voice",
            "languages": ["en"],
            "variables": {"loyalty_status": {"type": "text"}},
            "steps": steps,
        }
    )


def call(site: Site, first: int, calls: int) -> list[float]:
    """Calls one after the other; the seconds until each one's document."""
    return asyncio.run(_call_all(site.ports["web"], range(first, first + calls)))


async def _call_all(port: int, callers: range) -> list[float]:
    line, seconds = Line(port), []
    for caller in callers:
        form = [
            ("CallSid", f"CA{caller:032d}"),
            ("AccountSid", ACCOUNT),
            ("From", phone_of(caller)),
            ("To", OURS),
            ("CallStatus", "ringing"),
            ("Direction", "inbound"),
        ]
        started = time.perf_counter()
        said = await line.post(signed_request(port, "calls", form, keep=True))
        seconds.append(time.perf_counter() - started)
        if b"<Say" not in said:
            raise RuntimeError(f"The call was not answered by the flow but by {said[:300]!r}.")
        await asyncio.sleep(_PAUSE_SECONDS)
    return seconds
