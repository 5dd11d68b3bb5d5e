"""What a channel makes of a webhook: arrivals of contacts, reports about things under way, notices of other systems."""

from dataclasses import dataclass, field
from typing import Any

from flows.event import Happening
from flows.values import Value


@dataclass(frozen=True)
class Arrival:
    """Something a contact did on a number of ours: a message, or a new call.

    provider_id: unique in the connection; a second arrival with the same one is ignored.
    number_id or number: the number reached, by id or by its value in this connection.
    call_id: the provider's id of the call, for calls.
    """

    provider_id: str
    happened: Happening
    address: str  # the contact's, normalised
    number: str = ""  # the number's value in this connection
    call_id: str = ""
    address_kind: str = "phone"
    client_key: str = ""
    contact_name: str = ""
    contact_language: str = ""
    contact_attributes: dict[str, Any] = field(default_factory=dict)
    phone: str = ""  # a second, verified address to note on the contact, E.164
    contact_id: int = 0  # known already (a signed visitor)


@dataclass(frozen=True)
class Report:
    """News about something under way: a call's later turns, or the status of a message of ours.

    A report about a call names `call_id`; one about a message `effect_id` or the message's `about_provider_id`.
    kind: the happening's kind, or "message_status" whose happened is {"rank", "error_kind", "error", "provider_id"}.
    """

    provider_id: str
    kind: str
    happened: Happening | dict[str, Any]
    call_id: str = ""
    turn: int = 0  # of a call: the turn whose document the carrier wants
    effect_id: int = 0
    about_provider_id: str = ""


@dataclass(frozen=True)
class Notice:
    """What another system tells whichever run waits for this key; `provider_id` is unique in the connection."""

    provider_id: str
    key: str
    data: Value


@dataclass(frozen=True)
class ArrivedFile:
    """A file that came together with a message; name and kind are what a stranger says."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Fetched:
    """A message that a worker fetched from where the provider keeps it, with what it answers.

    message_id, subject: what an answer of ours names. answers: the message ids that it answers, the nearest first.
    answers_effect: the effect of ours that it surely answers; returned_effect: the one that came back for good.
    reference: of a conversation, as somebody wrote it. automatic: why no person wrote it, or empty.
    """

    arrival: Arrival
    files: tuple[ArrivedFile, ...] = ()
    message_id: str = ""
    subject: str = ""
    answers: tuple[str, ...] = ()
    answers_effect: int = 0
    reference: str = ""
    automatic: str = ""
    returned_effect: int = 0
    why: str = ""  # it came back
