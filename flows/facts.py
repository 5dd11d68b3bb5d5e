"""What a run may know about the contact, the conversation and the installation: plain values, gathered by the host."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.values import Value


@dataclass(frozen=True)
class Facts:
    """A snapshot taken when a turn begins; it is part of the recorded turn, so a replay reads the same values.

    contact: name, phone, email, language, attributes, segments, account_manager, zone, consent (true,
    false, or missing where nobody knows), consent_at, first_seen_at, is_new.
    conversation: reference, channel, number, kind ("call" or "messages"), started_at, count.
    constants: the installation's constants by name.
    language: the contact's language, else the number's, else empty (then the flow's first is used).
    """

    contact: Mapping[str, Value] = field(default_factory=dict)
    conversation: Mapping[str, Value] = field(default_factory=dict)
    constants: Mapping[str, Value] = field(default_factory=dict)
    language: str = ""
    apology: Mapping[str, str] = field(default_factory=dict)  # the installation's words per language
    fallback_queue: str = "people"
    contact_id: str = ""  # what tells the contact from all others, whatever becomes of their name and addresses
    fallback_number: str = ""  # the called number's own way out on a call, E.164, may be empty

    @property
    def on_call(self) -> bool:
        """Whether this conversation is a call (its caller may have hung up since)."""
        return self.conversation.get("kind") == "call"
