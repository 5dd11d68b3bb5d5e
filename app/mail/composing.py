"""Composes a mail: headers that nothing can break out of, text and HTML, files (RFC 5322, RFC 2045)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Final

import idna

from app.mail.html_text import text_of_html
from app.mail.servers import MailRefused
from flows.answers import read_email
from flows.values import is_one_line

LARGEST_MAIL_BYTES: Final = 18 * 1024 * 1024  # of files: a third more as text, and most servers take 25 MiB
_POLICY: Final = SMTP.clone(cte_type="7bit", max_line_length=200)  # any server takes it, whatever it offers
_MOST_REFERENCES: Final = 20
_MESSAGE_IDS: Final = re.compile(r"<[^<>\s]{1,250}>")


@dataclass(frozen=True)
class Enclosure:
    """A file that goes with a mail."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Draft:
    """A mail to be composed. `sender` may be like "Acme <support@acme.example>".

    is_automatic: a program wrote it, so no other program may answer it (RFC 3834 §5).
    """

    sender: str
    to: Sequence[str]
    subject: str
    text: str
    message_id: str
    at: datetime
    html: str = ""
    cc: Sequence[str] = ()
    enclosures: Sequence[Enclosure] = ()
    in_reply_to: str = ""
    references: str = ""
    is_automatic: bool = True


def compose(draft: Draft) -> bytes:
    """The mail with lines that end with CR LF; a blind copy stands in no header. Raises: MailRefused."""
    if sum(len(one.content) for one in draft.enclosures) > LARGEST_MAIL_BYTES:
        most = LARGEST_MAIL_BYTES >> 20
        raise MailRefused("media_too_large", f"The files are larger than {most} MiB: send fewer, or links.", final=True)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender_of(draft.sender)
    mail["To"] = [_address(one) for one in draft.to]
    if draft.cc:
        mail["Cc"] = [_address(one) for one in draft.cc]
    mail["Subject"] = _line(draft.subject)
    mail["Date"] = format_datetime(draft.at)
    mail["Message-ID"] = _line(draft.message_id)
    if draft.in_reply_to:
        mail["In-Reply-To"] = _line(draft.in_reply_to)
        known = _MESSAGE_IDS.findall(f"{draft.references} {draft.in_reply_to}")
        mail["References"] = " ".join(list(dict.fromkeys(known))[-_MOST_REFERENCES:])
    if draft.is_automatic:
        mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(draft.text or text_of_html(draft.html))
    if draft.html:
        mail.add_alternative(draft.html, subtype="html")
    for one in draft.enclosures:
        kind, _, subkind = one.media_type.partition("/")
        mail.add_attachment(one.content, maintype=kind, subtype=subkind, filename=_line(one.name) or "file")
    return mail.as_bytes(policy=_POLICY)


def sender_of(written: str) -> Address:
    """The sender as a credential or number has it. Raises: MailRefused."""
    name, address = parseaddr(_line(written))
    return Address(_line(name), addr_spec=spelled(address))


def spelled(address: str) -> str:
    """An address as every mail server understands it: its domain in ASCII (RFC 5891). Raises: MailRefused."""
    known = read_email(address)
    if known is None or not is_one_line(known):
        raise MailRefused("invalid_recipient", "An address of the mail is no e-mail address.", final=True)
    name, _, domain = known.rpartition("@")
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
        return f"{name.encode('ascii').decode()}@{ascii_domain}"
    except (idna.IDNAError, UnicodeError):
        sentence = f"{known} has letters that not every mail server takes: use an address without them."
        raise MailRefused("invalid_recipient", sentence, final=True) from None


def domain_of(sender: str) -> str:
    """The domain of a sender. Raises: MailRefused."""
    return sender_of(sender).domain


def _address(written: str) -> Address:
    return Address(addr_spec=spelled(written))


def _line(text: str) -> str:
    """A header's value. Raises: MailRefused: a line break would begin another header."""
    if not is_one_line(text):
        raise MailRefused("header_invalid", "A header of the mail has a line break in it: take it out.", final=True)
    return text
