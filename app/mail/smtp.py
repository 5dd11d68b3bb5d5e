"""Hands a mail to a server by SMTP (RFC 5321): to all of its recipients or to none, and never twice."""

import contextlib
import re
import smtplib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from app.mail.servers import MOST_WORDS_BYTES, Lines, MailRefused, MailServer, open_line
from app.outgoing import ConnectionLost, Deadline, OutgoingError, TimedOut, TimedSocket, TlsRefused, WireFull

SEND_SECONDS: Final = 20.0  # RELIABILITY §2: a send may take so long in all
_LOST: Final = (smtplib.SMTPServerDisconnected, OSError, WireFull)
_LONGEST_REPLY: Final = 300
_FIRST_DOT: Final = re.compile(rb"^\.", re.MULTILINE)  # RFC 5321 §4.5.2
_TOO_LARGE: Final = (552, 523)  # RFC 1870 §6.2, RFC 5321 §4.2.3


@dataclass(frozen=True)
class Envelope:
    """A mail and where it goes; `content` has lines that end with CR LF."""

    sender: str
    recipients: Sequence[str]
    content: bytes = field(repr=False)


def submit(server: MailServer, envelope: Envelope, lines: Lines, seconds: float) -> None:
    """Returns when the server has taken the mail for every recipient.

    Raises: MailRefused; OutgoingError when the line failed, whose `may_have_arrived` is True from the mail's last line
    on, until the server has answered.
    """
    deadline = Deadline(seconds)
    line = open_line(server, lines, deadline, MOST_WORDS_BYTES)
    talk = _Talk(line, server, deadline)
    try:
        talk.begin(lines)
        talk.name_everybody(envelope)
        talk.hand_over(envelope.content)
        with contextlib.suppress(*_LOST):  # it has the mail: whether it says good-bye is nothing to us
            talk.session.putcmd("quit")
    finally:
        line.abort()


def try_out(server: MailServer, lines: Lines, seconds: float) -> None:
    """Greets the server and signs in; sends nothing. Raises: MailRefused, OutgoingError."""
    deadline = Deadline(seconds)
    line = open_line(server, lines, deadline, MOST_WORDS_BYTES)
    talk = _Talk(line, server, deadline)
    try:
        talk.begin(lines)
        with contextlib.suppress(*_LOST):
            talk.session.putcmd("quit")
    finally:
        line.abort()


class _Session(smtplib.SMTP):
    """smtplib's half of the talk, over a line that is guarded and bounded; it opens none by itself."""

    def __init__(self, line: TimedSocket, own_name: str) -> None:
        super().__init__(local_hostname=own_name)  # else it looks our own name up, without a time limit
        self.sock = line  # type: ignore[assignment]  # it has all that smtplib uses of a socket

    def forget(self) -> None:
        """What was said without encryption may be somebody else's (RFC 3207 §4.2)."""
        self.file = None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features, self.does_esmtp = {}, False


class _Talk:
    """One talk with one server; every method raises MailRefused or OutgoingError."""

    def __init__(self, line: TimedSocket, server: MailServer, deadline: Deadline) -> None:
        self._line, self._server, self._deadline = line, server, deadline
        self.session = _Session(line, "localhost")

    def begin(self, lines: Lines) -> None:
        """The greeting, encryption, and who we are."""
        self._expect(self.session.getreply, 220, "greeted us with")
        self._guarded(self.session.ehlo_or_helo_if_needed)
        if self._server.mode == "starttls":
            self._start_tls(lines)
        if self._server.user:
            self._sign_in()

    def name_everybody(self, envelope: Envelope) -> None:
        """Sender and recipients: one that is refused keeps the mail from all, so that nothing is sent by half."""
        self._expect(lambda: self.session.mail(envelope.sender), 250, f"does not take mail from {envelope.sender}:")
        for recipient in envelope.recipients:
            code, words = self._guarded(partial(self.session.rcpt, recipient))
            if code not in {250, 251}:
                sentence = f"{self._server.place} does not take mail for {recipient}: {_reply(code, words)}"
                raise MailRefused("bounced" if code >= 500 else "provider_code", sentence, final=code >= 500)

    def hand_over(self, content: bytes) -> None:
        """The mail itself. Only its last line, a lone dot, makes it the server's."""
        self._expect(lambda: self.session.docmd("DATA"), 354, "does not take the mail:")
        quoted = _FIRST_DOT.sub(b"..", content)
        self._guarded(lambda: self.session.send(quoted))
        code, words = self._guarded(self._last_line, may_have_arrived=True)
        if code != 250:
            kind = "media_too_large" if code in _TOO_LARGE else "provider_code"
            sentence = f"{self._server.place} does not take the mail: {_reply(code, words)}"
            raise MailRefused(kind, sentence, final=code >= 500)

    def _last_line(self) -> tuple[int, bytes]:
        self.session.send(b".\r\n")
        return self.session.getreply()

    def _start_tls(self, lines: Lines) -> None:
        place = self._server.place
        if not self.session.has_extn("starttls"):
            raise MailRefused("provider_code", f"{place} offers no STARTTLS: look at port and mode.", final=True)
        self._expect(lambda: self.session.docmd("STARTTLS"), 220, "does not begin with TLS:")
        try:
            lines.secure(self._line, self._server.host)
        except TlsRefused as error:
            raise MailRefused("provider_code", str(error), final=True) from None
        except OSError:
            raise self._lost(may_have_arrived=False) from None
        self.session.forget()
        self._guarded(self.session.ehlo_or_helo_if_needed)

    def _sign_in(self) -> None:
        place = self._server.place
        try:
            self._guarded(lambda: self.session.login(self._server.user, self._server.secret))
        except smtplib.SMTPAuthenticationError as error:
            sentence = f"{place} refuses the user name or the password: {_reply(error.smtp_code, error.smtp_error)}"
            is_final = error.smtp_code >= 500
            raise MailRefused("smtp_auth" if is_final else "provider_code", sentence, final=is_final) from None
        except (smtplib.SMTPNotSupportedError, smtplib.SMTPException):
            sentence = f"{place} offers no way to sign in that we know: look at port and mode."
            raise MailRefused("smtp_auth", sentence, final=True) from None
        except UnicodeError:
            raise MailRefused("smtp_auth", f"{place} takes no such letters in a password.", final=True) from None

    def _expect(self, say: Callable[[], tuple[int, bytes]], wanted: int, what: str) -> None:
        code, words = self._guarded(say)
        if code != wanted:
            sentence = f"{self._server.place} {what} {_reply(code, words)}"
            raise MailRefused("provider_code", sentence, final=code >= 500)

    def _guarded(self, say: Callable[[], Any], *, may_have_arrived: bool = False) -> Any:
        """What the server answers. Raises: OutgoingError when it does not, and what smtplib makes of the answer."""
        try:
            return say()
        except smtplib.SMTPHeloError as error:
            sentence = f"{self._server.place} refuses us: {_reply(error.smtp_code, error.smtp_error)}"
            raise MailRefused("provider_code", sentence, final=error.smtp_code >= 500) from None
        except smtplib.SMTPResponseException as error:
            if isinstance(error, smtplib.SMTPAuthenticationError):
                raise
            raise self._lost(may_have_arrived=may_have_arrived) from None  # a line that is no answer in SMTP
        except _LOST:
            raise self._lost(may_have_arrived=may_have_arrived) from None

    def _lost(self, *, may_have_arrived: bool) -> OutgoingError:
        place = self._server.place
        try:
            self._deadline.left()
        except TimeoutError:
            sentence = f"{place} did not answer within {self._deadline.seconds:g} seconds."
            return TimedOut(sentence, may_have_arrived=may_have_arrived)
        sentence = f"{place} broke off the talk."
        return ConnectionLost(sentence, may_have_arrived=may_have_arrived, answer_began=True)


def _reply(code: int, words: bytes | str) -> str:
    """A server's answer, a stranger's text, in one line."""
    plain = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(plain.split())[:_LONGEST_REPLY]}".strip()
