"""Mailboxes: mail comes in by IMAP, goes out by SMTP, and every new mail becomes a conversation with a reference."""

from collections.abc import Iterator, Mapping, Sequence
from email.message import Message
from typing import Any, ClassVar, Final

from app.channels.arrival import Arrival, ArrivedFile, Fetched
from app.channels.checks import Check, OwnNumber, check_secrets
from app.channels.contract import Channel, ConnectionInfo, FetchFailed, Http, Keep, OutgoingMessage, SendPolicy, Sent
from app.channels.mail_settings import (
    CHECK_SECONDS,
    HOST,
    MODE,
    PORTS,
    SENDING,
    SENDING_PLACES,
    check_mail,
    check_sending,
    lines_of,
    send_mail,
)
from app.mail.bounces import read_bounce
from app.mail.imap import Folder, RawMail, fetch, try_out
from app.mail.incoming import IncomingMail, addresses, parse, raw, read_mail
from app.mail.message_ids import effect_of
from app.mail.servers import MailRefused, MailServer
from app.scrubbing import scrub
from flows.answers import read_email
from flows.event import Attachment, MessageReceived

_NOBODY: Final = "nobody@unknown.invalid"  # a mail without a sender; RFC 2606 §2: nobody is there
_RECEIVING: Final[Mapping[str, Any]] = {
    "imap_host": {**HOST, "minLength": 1, "title": "Incoming mail server", "description": "Such as imap.example.com."},
    "imap_port": {"type": "integer", **PORTS, "default": 993, "title": "Its port", "description": "993 or 143."},
    "imap_mode": {
        **MODE,
        "title": "Its encryption",
        "description": "none is for servers on this machine or in your own network only.",
    },
    "folder": {
        "type": "string",
        "maxLength": 200,
        "default": "INBOX",
        "title": "Folder",
        "description": "Of new mail.",
    },
    "taken_folder": {
        "type": "string",
        "maxLength": 200,
        "title": "Folder of taken mail",
        "description": "Where mail is moved to that is in Patchbay; empty: it stays and is marked as seen.",
    },
}


class Mailbox(Channel):
    """A mailbox of ours. Its numbers are its addresses; workers look into it and mark what they have as seen."""

    kind: ClassVar[str] = "mailbox"
    title: ClassVar[str] = "A mailbox"
    address_kind: ClassVar[str] = "email"
    written: ClassVar[str] = "e-mail address: write it like support@example.com"
    policy: ClassVar[SendPolicy] = SendPolicy()  # SMTP has neither keys nor a look-up: at most once
    fetches: ClassVar[bool] = True
    threads: ClassVar[bool] = True
    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    receivers: ClassVar[tuple[str, ...]] = ("imap_host", "imap_port", "imap_mode", *SENDING_PLACES)
    settings_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["imap_host", "smtp_host", "user"],
        "properties": {**_RECEIVING, **SENDING},
    }

    def spelled(self, value: str, country: str) -> str:
        """The address in small letters."""
        return (read_email(value) or "").lower()

    def fetch(self, connection: ConnectionInfo, numbers: Sequence[str], keep: Keep, http: Http) -> None:
        """Gives every unseen mail to `keep` and then marks it. Raises: FetchFailed, OutgoingError."""
        server, folder = _incoming(connection)

        def take(mail: RawMail) -> bool:
            return keep(read_fetched(connection, numbers, mail))

        try:
            fetch(server, folder, lines_of(http), take)
        except MailRefused as refused:
            raise FetchFailed(scrub(str(refused), connection.secrets.values())) from None  # servers repeat what we said

    def send(self, connection: ConnectionInfo, outgoing: OutgoingMessage, http: Http) -> Sent:
        """Sends the message as a mail from the number's address. Raises: SendFailed, OutgoingError."""
        return send_mail(connection, outgoing, http, outgoing.sender)

    def checks(self, connection: ConnectionInfo, numbers: Sequence[OwnNumber], http: Http) -> Iterator[Check]:
        """The password, and whether both servers let us in; no mail is read or sent."""
        asked = check_secrets(self.secret_fields, connection.secrets)
        yield asked
        if asked.state == "good":
            server, folder = _incoming(connection)
            yield check_mail("incoming_mail", server, lambda: try_out(server, folder, lines_of(http), CHECK_SECONDS))
            yield check_sending(connection, http)


def _incoming(connection: ConnectionInfo) -> tuple[MailServer, Folder]:
    """The server where mail comes in, and its folders."""
    settings = connection.settings
    server = MailServer(
        str(settings.get("imap_host") or ""),
        int(settings.get("imap_port") or 993),
        str(settings.get("imap_mode") or "tls"),
        str(settings.get("user") or ""),
        connection.secrets.get("password", ""),
    )
    return server, Folder(str(settings.get("folder") or "INBOX"), str(settings.get("taken_folder") or ""))


def read_fetched(connection: ConnectionInfo, numbers: Sequence[str], mail: RawMail) -> Fetched:
    """A mail as the inbox wants it; whatever is in it, something of it is there for people."""
    message = parse(mail.content)
    read = read_mail(message)
    bounce = read_bounce(message)
    secret = connection.own_secret
    automatic = read.automatic or ("own" if read.sender in numbers else "")
    arrival = Arrival(
        provider_id=f"mail/{connection.id}/{mail.uid}",
        happened=MessageReceived(_words(read, mail), tuple(_left_out(read, mail))),
        address=read.sender or _NOBODY,
        number=_number(message, numbers),
        address_kind="email",
        contact_name=read.sender_name,
    )
    return Fetched(
        arrival=arrival,
        files=tuple(ArrivedFile(one.name, one.media_type, one.content) for one in read.files),
        message_id=read.message_id,
        subject=read.plain_subject,
        answers=read.thread,
        answers_effect=effect_of(secret, " ".join(read.thread)),
        reference=read.reference,
        automatic=automatic,
        returned_effect=effect_of(secret, bounce.about) if bounce else 0,
        why=bounce.why if bounce else "",
    )


def _words(read: IncomingMail, mail: RawMail) -> str:
    """People must see that something came, also when nothing of it can be read."""
    cut = "(This mail is too large: only its beginning is here; the whole lies in the mailbox.)" if mail.is_cut else ""
    return "\n\n".join(part for part in (read.words or ("" if read.files else "(an empty mail)"), cut) if part)


def _left_out(read: IncomingMail, mail: RawMail) -> list[Attachment]:
    if not read.files_left_out or mail.is_cut:
        return []
    return [Attachment("application/octet-stream", name=f"not accepted: {read.files_left_out} further files")]


def _number(message: Message, numbers: Sequence[str]) -> str:
    """Which of our addresses it was written to; the first where it does not tell (a blind copy, a list)."""
    for name in ("Delivered-To", "X-Original-To", "To", "Cc"):
        for _, address in addresses(raw(message, name)):
            if (known := (read_email(address) or "").lower()) in numbers:
                return known
    return numbers[0] if numbers else ""
