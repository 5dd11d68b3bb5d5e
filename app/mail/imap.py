"""Fetches mails by IMAP (RFC 9051, RFC 3501): each is handed on, and only then marked as seen or moved away."""

import contextlib
import imaplib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from app.mail.servers import Lines, MailRefused, MailServer, open_line
from app.outgoing import ConnectionLost, Deadline, OutgoingError, TimedOut, TimedSocket, TlsRefused, WireFull

LOOK_SECONDS: Final = 60.0  # one look in all
MOST_AT_ONCE: Final = 20  # mails a look; the others are there at the next
LARGEST_MAIL_BYTES: Final = 30 * 1024 * 1024  # of a larger one only the beginning is read
_BEGINNING_BYTES: Final = 256 * 1024
_MOST_BYTES: Final = 200 * 1024 * 1024  # on the wire in one look
_LOST: Final = (imaplib.IMAP4.abort, OSError, WireFull, EOFError)
_UIDVALIDITY: Final = re.compile(rb"\d{1,20}")
_SIZE: Final = re.compile(rb"RFC822\.SIZE (\d{1,18})")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN_ATOM: Final = re.compile(r"[^\x00-\x1f\x7f\"\\]{1,200}\Z")


@dataclass(frozen=True)
class Folder:
    """Where mails come in, and where those go that were taken; empty: they stay, marked as seen."""

    name: str = "INBOX"
    taken: str = ""


@dataclass(frozen=True)
class RawMail:
    """A mail as the server has it. `uid` with the folder's UIDVALIDITY names it for ever (RFC 3501 §2.3.1.1)."""

    uid: str
    content: bytes
    is_cut: bool = False  # it is so large that only its beginning was read


def fetch(server: MailServer, folder: Folder, lines: Lines, take: Callable[[RawMail], bool]) -> None:
    """Gives each unseen mail to `take`, the oldest first, and marks it when that returns; flagged, if it said False.

    Raises: MailRefused, OutgoingError, and whatever `take` raises.
    """
    deadline = Deadline(LOOK_SECONDS)
    line = open_line(server, lines, deadline, _MOST_BYTES)
    try:
        _Look(line, server, deadline, lines).fetch(folder, take)
    finally:
        line.abort()


def try_out(server: MailServer, folder: Folder, lines: Lines, seconds: float) -> None:
    """Signs in and opens the folders, and changes nothing. Raises: MailRefused, OutgoingError."""
    deadline = Deadline(seconds)
    line = open_line(server, lines, deadline, _BEGINNING_BYTES)
    try:
        _Look(line, server, deadline, lines).open(folder)
    finally:
        line.abort()


class _Session(imaplib.IMAP4):
    """imaplib's half of the talk, over a line that is guarded and bounded; it opens none by itself."""

    def __init__(self, line: TimedSocket) -> None:
        self._line = line
        super().__init__()

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """The line is open."""
        self.host, self.port = host, port
        self.sock = self._line  # type: ignore[assignment]  # it has all that imaplib uses of a socket
        self.file = self._line.makefile("rb")

    def read(self, size: int) -> bytes:
        """So many bytes; a server that announces more than any mail has must not take our memory."""
        if size > LARGEST_MAIL_BYTES:
            raise self.abort(f"{size} bytes were announced")
        return super().read(size)

    def shutdown(self) -> None:
        """The line is closed by whoever opened it."""

    def forget(self) -> None:
        """What was said without encryption may be somebody else's."""
        self.file = self._line.makefile("rb")
        self.read_capabilities()

    def read_capabilities(self) -> None:
        """What the server can do for us now; it is more after the sign-in."""
        self.capabilities = tuple(self.capability()[1][0].decode("ascii", "replace").upper().split())


class _Look:
    """One look into one folder; every method raises MailRefused or OutgoingError."""

    def __init__(self, line: TimedSocket, server: MailServer, deadline: Deadline, lines: Lines) -> None:
        self._line, self._server, self._deadline, self._lines = line, server, deadline, lines

    def fetch(self, folder: Folder, take: Callable[[RawMail], bool]) -> None:
        """As above."""
        session = self._begin()
        self._select(session, folder.name)
        validity = _UIDVALIDITY.search((session.response("UIDVALIDITY")[1] or [b""])[0] or b"")
        found = self._say(lambda: session.uid("SEARCH", "UNSEEN"), "does not search")[1]
        uids = [uid for uid in (found[0] or b"").decode("ascii", "replace").split() if uid.isdecimal()]
        for uid in sorted(uids, key=int)[:MOST_AT_ONCE]:
            name = f"{validity[0].decode() if validity else 0}/{uid}"
            mail = self._mail(session, uid, name)
            if mail is not None:
                self._mark(session, uid, folder.taken, understood=take(mail))
        with contextlib.suppress(*_LOST, imaplib.IMAP4.error):
            session.logout()

    def open(self, folder: Folder) -> None:
        """Opens each folder for reading only."""
        session = self._begin()
        for name in filter(None, (folder.taken, folder.name)):
            self._select(session, name, readonly=True)
        with contextlib.suppress(*_LOST, imaplib.IMAP4.error):
            session.logout()

    def _begin(self) -> _Session:
        session: _Session = self._say(lambda: _Session(self._line), "greets us wrongly")
        if self._server.mode == "starttls":
            self._start_tls(session)
        self._sign_in(session)
        return session

    def _mail(self, session: _Session, uid: str, name: str) -> RawMail | None:
        """None when somebody else took it away meanwhile."""
        sizes = self._say(lambda: session.uid("FETCH", uid, "(RFC822.SIZE)"), "does not tell sizes")[1]
        size = next((int(found[1]) for one in sizes if (found := _SIZE.search(_bytes(one)))), 0)
        is_cut = size > LARGEST_MAIL_BYTES
        what = f"(BODY.PEEK[]<0.{_BEGINNING_BYTES}>)" if is_cut else "(BODY.PEEK[])"
        parts = self._say(lambda: session.uid("FETCH", uid, what), "does not give the mail")[1]
        content = next((one[1] for one in parts if isinstance(one, tuple) and len(one) == 2), None)
        return RawMail(name, content, is_cut) if isinstance(content, bytes) else None

    def _mark(self, session: _Session, uid: str, taken: str, *, understood: bool) -> None:
        """It is ours. One that could not be understood stays where people find it."""
        flags = r"(\Seen)" if understood else r"(\Seen \Flagged)"
        self._say(lambda: session.uid("STORE", uid, "+FLAGS.SILENT", flags), "does not mark mails as seen")
        if not taken or not understood:
            return
        if "MOVE" in session.capabilities:  # RFC 6851
            self._say(lambda: session.uid("MOVE", uid, _quoted(taken)), f"does not move mails to {taken}")
            return
        self._say(lambda: session.uid("COPY", uid, _quoted(taken)), f"does not copy mails to {taken}")
        self._say(lambda: session.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)"), "does not delete mails")
        if "UIDPLUS" in session.capabilities:  # RFC 4315: without it all that is marked would go
            self._say(lambda: session.uid("EXPUNGE", uid), "does not delete mails")

    def _start_tls(self, session: _Session) -> None:
        if "STARTTLS" not in session.capabilities:
            raise self._refused("offers no STARTTLS: look at port and mode")
        self._say(lambda: session.xatom("STARTTLS"), "does not begin with TLS")
        try:
            self._lines.secure(self._line, self._server.host)
        except TlsRefused as error:
            raise MailRefused("provider_code", str(error), final=True) from None
        except OSError:
            raise self._lost() from None
        self._say(session.forget, "says nothing behind TLS")

    def _sign_in(self, session: _Session) -> None:
        user, secret = self._server.user, self._server.secret
        try:
            self._say(lambda: session.login(_quoted(user), _one_line(secret)), "refuses the user name or the password")
        except MailRefused as error:
            raise MailRefused("smtp_auth", str(error), final=True) from None
        self._say(session.read_capabilities, "does not say what it can do")

    def _select(self, session: _Session, name: str, *, readonly: bool = False) -> None:
        self._say(lambda: session.select(_quoted(name), readonly), f"has no folder “{name}”")

    def _say(self, say: Callable[[], Any], trouble: str) -> Any:
        """What the server answers when it is content."""
        try:
            answer = say()
        except _LOST:
            raise self._lost() from None
        except (imaplib.IMAP4.error, UnicodeError, ValueError, TypeError, AttributeError, IndexError) as error:
            raise self._refused(f"{trouble} ({' '.join(str(error).split())[:200]})") from None
        if isinstance(answer, tuple) and answer[0] != "OK":
            raise self._refused(trouble)
        return answer

    def _refused(self, trouble: str) -> MailRefused:
        return MailRefused("provider_code", f"{self._server.place} {trouble}.", final=True)

    def _lost(self) -> OutgoingError:
        place = self._server.place
        try:
            self._deadline.left()
        except TimeoutError:
            return TimedOut(f"{place} did not answer within {self._deadline.seconds:g} seconds.")
        return ConnectionLost(f"{place} broke off the talk.", may_have_arrived=False, answer_began=True)


def _bytes(part: Any) -> bytes:
    return part[0] if isinstance(part, tuple) else part if isinstance(part, bytes) else b""


def _one_line(secret: str) -> str:
    """imaplib quotes it, and passes line breaks on. Raises: ValueError."""
    if _CONTROL.search(secret):
        raise ValueError("it holds a line break or another control character")
    return secret


def _quoted(name: str) -> str:
    """A name as a quoted string. Raises: ValueError: a line break would begin another command."""
    if not _PLAIN_ATOM.match(name):
        raise ValueError("a name holds a quotation mark or a control character")
    return f'"{name}"'
