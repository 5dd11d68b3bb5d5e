"""The form of forward_to_queue: which queue, how long to wait for it, and what is heard meanwhile."""

from collections.abc import Mapping

from flows.form import (
    Schema,
    address,
    advanced,
    choice,
    header_value,
    localised,
    record,
    rows,
    seconds,
    template,
    text,
    whole,
)

QUEUE_ERRORS: Mapping[str, str] = {
    "queue_missing": "There is no queue of that name.",
    "invalid_target": "The target is no telephone number and no SIP address.",
    "sip_status": "The other system refused the call; the message holds the SIP status code it told.",
    "not_a_call": "Only a call can be forwarded to a queue on another system; choose a queue of ours for messages.",
    "call_ended": "The caller has hung up, so there is nothing to forward.",
    "expression_error": "The queue, address or number depends on a value that is missing.",
}

_GOES_ON = {"when_closed": "When people have closed the conversation", "when_assigned": "As soon as somebody has it"}
_SIP_HEADER = "^[Xx]-[A-Za-z0-9-]{1,60}$"

QUEUE_FIELDS: Mapping[str, Schema] = {
    "target": record(
        {
            "queue": template("Queue", "A queue of ours, or an expression that gives its name.", names="queue"),
            "sip": address(
                "SIP address",
                "A queue on another system, such as sip:gold@queues.example.com;transport=tcp (calls only).",
            ),
            "number": template(
                "Telephone number", "A queue behind a telephone number, with + and country code (calls only)."
            ),
        },
        title="To",
        help_text="Where the conversation goes.",
        exactly_one_of=["queue", "sip", "number"],
    ),
    "priority": whole("Priority", "Smaller numbers come first in a queue of ours.", -1_000, 1_000, default=0),
    "maximum_wait_seconds": seconds(
        "Longest wait",
        "After this time without anybody the flow goes on at “timed out”; empty means the queue's own limit.",
        minimum=5,
        maximum=2_592_000,
    ),
    "waiting_text": localised(
        "While waiting",
        "Repeated to a caller, written once in a chat; empty means the queue's own words on a call and none in a chat.",
        extra=["queue"],
    ),
    "goes_on": advanced(choice("The flow goes on", "For a queue of ours.", _GOES_ON, default="when_closed")),
    "headers": advanced(
        rows(
            "SIP headers",
            "Told to the other system, such as X-Loyalty-Tier.",
            record(
                {
                    "name": text("Name", "Begins with X-.", pattern=_SIP_HEADER, says="a name such as X-Loyalty-Tier"),
                    "value": header_value("Value", "Its value."),
                },
                required=["name", "value"],
            ),
            maximum=20,
        )
    ),
    "caller_id": advanced(
        template("Caller id", "The number the other system sees; empty means the caller's own.", default="")
    ),
    "note": advanced(
        template("Note", "Why people get it, shown at the desk; empty means the step's name.", default="")
    ),
}
