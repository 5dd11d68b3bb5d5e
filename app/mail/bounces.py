"""Delivery reports (RFC 3464): which mail of ours came back for good, and why."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Final

from app.mail.incoming import content_of, inner_parts

_LONGEST_WHY: Final = 300
_MOST_PARTS: Final = 50
_READ_BYTES: Final = 20_000


@dataclass(frozen=True)
class Bounce:
    """A report of a mail that could not be delivered. `about` is the text that holds the mail's Message-ID."""

    about: str
    why: str


def read_bounce(mail: Message) -> Bounce | None:
    """The report of a final failure; None for anything else, also for a delay or a success."""
    parts = list(_parts(mail))
    fields = [
        block for part in parts if part.get_content_type() == "message/delivery-status" for block in _blocks(part)
    ]
    if not fields:
        return None
    failed = [block for block in fields if _field(block, "action") == "failed" or _field(block, "status")[:1] == "5"]
    if not failed:
        return None
    why = _field(failed[0], "diagnostic-code") or _field(failed[0], "status") or "no reason was given"
    who = _field(failed[0], "final-recipient").partition(";")[2].strip()
    sentence = " ".join(f"{who} could not be reached: {why}".split()) if who else " ".join(why.split())
    return Bounce("\n".join(_returned(part) for part in parts), sentence[:_LONGEST_WHY])


def _parts(mail: Message) -> Iterator[Message]:
    for count, part in enumerate(mail.walk()):
        if count >= _MOST_PARTS:
            return
        yield part


def _blocks(part: Message) -> Iterator[str]:
    """The report's blocks of fields; Python reads each as a small mail of its own."""
    if part.is_multipart():
        yield from (_fields(one) for one in inner_parts(part))
    else:
        yield from _words(part).split("\n\n")


def _fields(block: Message) -> str:
    """A block as it was written; as_string() trips over a charset that is none."""
    return "\n".join(f"{name}: {value}" for name, value in block.items())[:_READ_BYTES]


def _words(part: Message) -> str:
    return content_of(part)[:_READ_BYTES].decode("utf-8", "replace")


def _field(block: str, name: str) -> str:
    found = re.search(rf"(?im)^{re.escape(name)}:[ \t]*(.*(?:\r?\n[ \t].*)*)", block)
    return found[1].strip().lower() if found and name in {"action", "status"} else found[1].strip() if found else ""


def _returned(part: Message) -> str:
    """The headers of the mail that came back, wherever the report has them."""
    if part.get_content_type() not in {"message/rfc822", "text/rfc822-headers", "message/global-headers"}:
        return ""
    if part.is_multipart():
        return "\n".join(str(one.get("Message-ID") or "") for one in inner_parts(part))
    return _words(part)
