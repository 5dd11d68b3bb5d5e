"""Callers: a flow that speaks to them, the signed webhooks of their calls, and whether an answer can be executed."""

from app.channels.twiml_lint import problems
from flows import document
from flows.document import Flow
from tests.app.drawn import drawn, placed
from tests.faults.driver import signed_request
from tests.faults.echo_flow import NUMBER
from tests.faults.installation import ACCOUNT, OURS
from tests.faults.webhooks import Answer

WORDS = "Good morning, you are heard"


def greeting_flow() -> Flow:
    """Answers calls, speaks, and ends."""
    steps = {
        "in": placed("incoming_call", {"numbers": [NUMBER]}, next="hello"),
        "hello": placed("say", {"text": {"en": WORDS}}, next="end"),
    }
    return document.from_data(drawn("Greeting", steps))


def call_request(port: int, caller: str, call: int) -> bytes:
    """The first webhook of a call; the same bytes each time."""
    pairs = [
        ("CallSid", f"CA{call:032d}"),
        ("AccountSid", ACCOUNT),
        ("From", caller),
        ("To", OURS),
        ("CallStatus", "in-progress"),
        ("Direction", "inbound"),
    ]
    return signed_request(port, "calls", pairs, keep=False)


def is_the_flows(answer: Answer) -> bool:
    """Whether it is a document that a carrier can execute, with the flow's words in it."""
    text = answer.body.decode()
    return answer.status == 200 and WORDS in text and not problems(text)
