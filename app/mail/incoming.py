"""A mail as it came, read for people and flows: who wrote what, with which files, and whether a person did at all."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses
from typing import Any, Final

from app.mail.automatic import is_automatic
from app.mail.html_text import text_of_html
from app.mail.quoted import without_quotes
from flows.answers import read_email
from flows.values import clean_text

MOST_FILES: Final = 20
MOST_PARTS: Final = 200  # a mail that is nothing but parts within parts
_LONGEST_SUBJECT: Final = 500
_LONGEST_TEXT: Final = 2_000_000  # characters, with HTML's tags; what is longer is nobody's words
_LONGEST_HEADER: Final = 65_536  # more than any server lets through; Python's readers take a square of it
_DEEPEST: Final = 50  # parts within parts; Python's readers call themselves for each
_IDS: Final = re.compile(r"<[^<>\s]{1,250}>")
_MOST_IDS: Final = 50
_REPLY: Final = re.compile(r"(?i)^\s*(?:re|odp|fw|fwd|aw|na|отв|на|пд|ha)\s*(?:\[\d+\])?\s*:\s*")
_REFERENCE: Final = re.compile(r"\[(PB-[1-9][0-9]{4,15})\]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class MailFile:
    """A file of a mail; its name is a stranger's."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class IncomingMail:
    """What a mail says. `sender` is empty where it has no usable address; `thread` are the Message-IDs it answers, the
    latest first; `bounced_ids` is the text in which a delivery report names the mail that came back."""

    sender: str
    sender_name: str
    subject: str
    text: str
    message_id: str = ""
    thread: tuple[str, ...] = ()
    reference: str = ""  # a conversation's, in the subject
    files: tuple[MailFile, ...] = ()
    files_left_out: int = 0
    automatic: str = ""  # why no person wrote it: "reply", "list", "bulk", "report" or ""

    @property
    def is_reply(self) -> bool:
        """Whether it answers something."""
        return bool(self.thread or self.reference or _REPLY.match(self.subject))

    @property
    def words(self) -> str:
        """The text for people and flows: a first mail begins with its subject."""
        if self.is_reply and self.text:
            return self.text
        return "\n\n".join(part for part in (self.plain_subject, self.text) if part)

    @property
    def plain_subject(self) -> str:
        """The subject without what replies put before it, and without our reference."""
        subject = _REFERENCE.sub("", self.subject)
        while (shorter := _REPLY.sub("", subject)) != subject:
            subject = shorter
        return " ".join(subject.split())


def parse(content: bytes) -> Message:
    """A mail's parts and headers; whatever is broken in it stays as it is. One nested too deeply is a single part."""
    with contextlib.suppress(RecursionError):
        mail = message_from_bytes(content, policy=policy.compat32)
        if not _is_too_deep(mail):
            return mail
    return BytesParser(policy=policy.compat32).parsebytes(content, headersonly=True)


def read_mail(mail: Message) -> IncomingMail:
    """What it says. Never raises for what is in it."""
    subject = header(mail, "Subject")[:_LONGEST_SUBJECT]
    name, sender = _sender(mail)
    plain, html, files, left_out = _parts(mail)
    text = without_quotes(plain[:_LONGEST_TEXT] if plain.strip() else text_of_html(html[:_LONGEST_TEXT]))
    reference = _REFERENCE.search(subject)
    thread = [*_IDS.findall(raw(mail, "In-Reply-To")), *reversed(_IDS.findall(raw(mail, "References")))]
    own = _IDS.search(raw(mail, "Message-ID"))
    return IncomingMail(
        sender=sender,
        sender_name=name,
        subject=subject,
        text=text,
        message_id=own[0] if own else "",
        thread=tuple(dict.fromkeys(thread))[:_MOST_IDS],
        reference=reference[1] if reference else "",
        files=tuple(files),
        files_left_out=left_out,
        automatic=is_automatic(mail, sender),
    )


def header(mail: Message, name: str) -> str:
    """A header in one line, its encoded words read; a broken one as it is."""
    value = raw(mail, name)
    with contextlib.suppress(LookupError, MessageError, UnicodeError, ValueError):
        value = str(make_header(decode_header(value)))
    return " ".join(_CONTROL.sub(" ", clean_text(value)).split())


def raw(mail: Message, name: str) -> str:
    """A header as it was written."""
    try:
        return clean_text(str(mail.get(name) or "")[:_LONGEST_HEADER])
    except (LookupError, MessageError, UnicodeError, ValueError):
        return ""


def addresses(text: str) -> list[tuple[str, str]]:
    """Names and addresses in a header; none where it cannot be read."""
    try:
        return getaddresses([text])
    except (IndexError, TypeError, ValueError, RecursionError):  # comments within comments within comments
        return []


def inner_parts(part: Message) -> list[Message]:
    """The parts of a part; of one that holds none Python would read the text here, and trip over its charset."""
    payload: Any = part.get_payload() if part.is_multipart() else []
    return [one for one in payload if isinstance(one, Message)]


def _is_too_deep(mail: Message) -> bool:
    level = [mail]
    for _ in range(_DEEPEST):
        level = [one for part in level for one in inner_parts(part)]
    return bool(level)


def _sender(mail: Message) -> tuple[str, str]:
    """Name and address: where an answer goes."""
    for field_name in ("Reply-To", "From", "Sender"):
        for _, address in addresses(raw(mail, field_name)):
            if known := read_email(address):
                shown = next((one for one, _ in addresses(header(mail, "From")) if one), "")
                return shown[:200], known.lower()
    return "", ""


def _parts(mail: Message) -> tuple[str, str, list[MailFile], int]:
    """The first plain text and HTML, the files, and how many files are left out."""
    plain, html, files, left_out = "", "", list[MailFile](), 0
    for part in _leaves(mail):
        kind, name = part.get_content_type(), _file_name(part)
        is_text = kind in {"text/plain", "text/html"} and part.get_content_disposition() != "attachment" and not name
        if is_text and kind == "text/plain" and not plain:
            plain = _text(part)
        elif is_text and kind == "text/html" and not html:
            html = _text(part)
        elif is_text and kind == "text/plain":
            plain = f"{plain}\n\n{_text(part)}"
        elif not is_text and len(files) < MOST_FILES:
            content = content_of(part)
            if content:
                files.append(MailFile(name or "file", kind[:100].lower(), content))
        else:
            left_out += 1
    return plain, html, files, left_out


def _leaves(mail: Message) -> Iterator[Message]:
    """The parts that hold something, in order; a mail within a mail is a file of it."""
    waiting, seen = [mail], 0
    while waiting and seen < MOST_PARTS:
        part, seen = waiting.pop(0), seen + 1
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting[:0] = inner_parts(part)
        else:
            yield part


def _file_name(part: Message) -> str:
    try:
        name = part.get_filename() or ""
        return clean_text(str(make_header(decode_header(name))))[:_LONGEST_SUBJECT]
    except (LookupError, MessageError, UnicodeError, ValueError, TypeError):
        return "file"


def content_of(part: Message) -> bytes:
    """What a part holds, decoded; a mail within this one as it was written; nothing where that cannot be read."""
    try:
        if part.is_multipart():  # a mail within this one
            return b"".join(one.as_bytes() for one in inner_parts(part)[:1])
        content = part.get_payload(decode=True)
    except (LookupError, MessageError, UnicodeError, ValueError):
        return b""
    return content if isinstance(content, bytes) else b""


def _text(part: Message) -> str:
    """A text part, read by what it says it is, else as UTF-8, else as what western programs wrote."""
    content = content_of(part)
    named = part.get_content_charset() or ""
    for charset in (named, "utf-8", "windows-1252"):
        try:
            text = content.decode(charset) if charset else None
        except (LookupError, UnicodeError, ValueError):
            continue
        if text is not None:
            return clean_text(text.replace("\r\n", "\n").replace("\r", "\n"))
    return clean_text(content.decode("latin-1"))
