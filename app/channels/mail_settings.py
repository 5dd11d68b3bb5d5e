"""What connections that send mail have in common: where their servers are, and how a message becomes a mail."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.channels.checks import Check
from app.channels.contract import ConnectionInfo, Http, OutgoingMessage, SendFailed, Sent
from app.mail import smtp
from app.mail.composing import Draft, Enclosure, compose, domain_of, spelled
from app.mail.message_ids import message_id
from app.mail.servers import Lines, MailRefused, MailServer
from app.mail.smtp import SEND_SECONDS, Envelope, submit
from app.outgoing import MAXIMUM_FILE_BYTES, Deadline, OutgoingError, OutgoingRequest
from app.scrubbing import scrub
from flows.effect import SendMessage
from flows.event import Attachment
from flows.letters import shown

Settings = Mapping[str, Any]
MODE: Final = {"type": "string", "enum": ["tls", "starttls", "none"], "default": "tls"}
PORTS: Final = {"minimum": 1, "maximum": 65_535}
HOST: Final = {"type": "string", "maxLength": 253}
SENDING: Final[Settings] = {
    "smtp_host": {**HOST, "title": "Outgoing mail server", "description": "Such as smtp.example.com."},
    "smtp_port": {"type": "integer", **PORTS, "default": 465, "title": "Its port", "description": "465, 587 or 25."},
    "smtp_mode": {
        **MODE,
        "title": "Its encryption",
        "description": "none is for servers on this machine or in your own network only.",
    },
    "user": {"type": "string", "maxLength": 320, "title": "User", "description": "Mostly the address; empty: none."},
    "sender_name": {
        "type": "string",
        "maxLength": 100,
        "title": "Name of the sender",
        "description": "Stands before the address, such as Acme support.",
    },
}
SENDING_PLACES: Final = ("smtp_host", "smtp_port", "smtp_mode")
_KINDS: Final[Mapping[str, str]] = {"blocked_address": "channel_disconnected", "smtp_auth": "channel_disconnected"}
_MEND: Final = {
    True: "Enter user and password again; many providers want an app password here instead of one's own.",
    False: "Correct server, port and encryption as your mail provider tells them.",
}
CHECK_SECONDS: Final = 8.0  # of 20 that the test of a connection may take; a mailbox has two servers
_LONGEST_SUBJECT: Final = 60  # of one made from the text
_FILE_SECONDS: Final = 10.0


def lines_of(http: Http) -> Lines:
    """The guarded client again, for what is no HTTP."""
    if not isinstance(http, Lines):
        raise TypeError("Mail needs the guarded client itself.")
    return http


def sending_server(connection: ConnectionInfo) -> MailServer:
    """Where mail goes out. Raises: SendFailed."""
    settings = connection.settings
    if not settings.get("smtp_host"):
        sentence = (
            f"The connection “{connection.name}” has no outgoing mail server: enter it, or write by another number."
        )
        raise SendFailed("channel_disconnected", sentence, final=True)
    user, password = str(settings.get("user") or ""), connection.secrets.get("password", "")
    port, mode = int(settings.get("smtp_port") or 465), str(settings.get("smtp_mode") or "tls")
    return MailServer(str(settings["smtp_host"]), port, mode, user if password else "", password)


def send_mail(connection: ConnectionInfo, outgoing: OutgoingMessage, http: Http, sender: str) -> Sent:
    """Sends a message as a mail that goes on with its thread; people's answers name the conversation.

    Raises: SendFailed, OutgoingError.
    """
    server, deadline = sending_server(connection), Deadline(SEND_SECONDS)
    name = shown(str(connection.settings.get("sender_name") or ""))
    try:
        id_ = message_id(connection.own_secret, outgoing.effect_id, outgoing.key, domain_of(sender))
        draft = Draft(
            sender=f'"{name.replace(chr(34), "")}" <{sender}>' if name else sender,
            to=[outgoing.to],
            subject=_subject(outgoing),
            text=_text(outgoing.message),
            message_id=id_,
            at=outgoing.thread.at,
            enclosures=[_enclosure(outgoing, item, http, deadline) for item in outgoing.message.media],
            in_reply_to=outgoing.thread.in_reply_to,
            references=outgoing.thread.references,
            is_automatic=_is_of_flow(outgoing.key),
        )
        envelope = Envelope(spelled(sender), [spelled(outgoing.to)], compose(draft))
        submit(server, envelope, lines_of(http), deadline.left())
    except MailRefused as refused:
        kind = _KINDS.get(refused.kind, refused.kind)
        sentence = scrub(str(refused), connection.secrets.values())  # servers may repeat what they were told
        raise SendFailed(kind, sentence, final=refused.final) from None
    except TimeoutError:
        sentence = "The files of the message could not be fetched in time."
        raise SendFailed("media_unreachable", sentence, final=False) from None
    return Sent(provider_id=id_)


def check_mail(name: str, server: MailServer, try_out: Callable[[], None]) -> Check:
    """Whether a mail server lets us in."""
    try:
        try_out()
    except MailRefused as refused:
        sentence = f"{str(refused).rstrip('.')}."  # it may end with the server's own words
        return Check(name, "wrong", sentence, _MEND[refused.kind == "smtp_auth"])
    except OutgoingError as error:
        return Check(name, "wrong", str(error), "Look for a typing mistake in the server's name and port.")
    signed = "lets us sign in" if server.user else "answers; nobody signs in"
    return Check(name, "good", f"{server.place} {signed}.")


def check_sending(connection: ConnectionInfo, http: Http) -> Check:
    """Whether the outgoing mail server lets us in."""
    name = "outgoing_mail"
    try:
        server = sending_server(connection)
    except SendFailed as failed:
        return Check(name, "wrong", str(failed), "Enter smtp_host, and what it needs.")
    return check_mail(name, server, lambda: smtp.try_out(server, lines_of(http), CHECK_SECONDS))


def _subject(outgoing: OutgoingMessage) -> str:
    """What the contact wrote about, else how our words begin; always with the reference."""
    thread = outgoing.thread
    words = shown(outgoing.message.text.strip().split("\n")[0])[:_LONGEST_SUBJECT]
    subject = f"Re: {shown(thread.subject)}" if thread.subject else words or "Message"
    return f"{subject} [{thread.reference}]" if thread.reference else subject


def _text(message: SendMessage) -> str:
    """Buttons are lines to choose from."""
    return "\n".join([message.text, *([""] if message.choices else []), *(f"• {one.label}" for one in message.choices)])


def _enclosure(outgoing: OutgoingMessage, item: Attachment, http: Http, deadline: Deadline) -> Enclosure:
    """Raises: MailRefused, TimeoutError."""
    content = outgoing.contents.get(item.file)
    if content is None:
        seconds = min(_FILE_SECONDS, deadline.left())
        request = OutgoingRequest("GET", item.url, timeout_seconds=seconds, maximum_bytes=MAXIMUM_FILE_BYTES)
        try:
            answer = http.send(request)
        except OutgoingError as error:
            raise MailRefused("media_unreachable", str(error), final=not error.retryable) from None
        if answer.status != 200:
            sentence = f"A file's address answered with status {answer.status}."
            raise MailRefused("media_unreachable", sentence, final=answer.status < 500)
        content = answer.body
    return Enclosure(shown(item.name) or "file", item.media_type, content)


def _is_of_flow(key: str) -> bool:
    """A run's effects have keys like 12/3/0; what people write has others."""
    return key.partition("/")[0].isdecimal()
