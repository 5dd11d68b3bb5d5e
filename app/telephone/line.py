"""The carrier's side of the line: posts signed forms as Twilio does and reads the documents that come back."""

import secrets
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlencode, urlsplit

import requests

from app.channels.twilio_signature import sign
from app.errors import DomainError

_ANSWER_SECONDS = 15.0  # as long as a carrier waits (TELEPHONY, portable subset)


class LineDead(DomainError):
    """The voice door could not be reached, or gave no document."""

    code = "line_dead"


@dataclass
class Line:
    """One call. `public_url` is what the installation calls itself, `reached_at` where it is really asked."""

    secret: str = field(repr=False)
    connection: str
    public_url: str
    reached_at: str
    caller: str
    called: str
    call_id: str = field(default_factory=lambda: f"CA{secrets.token_hex(16)}")

    def begin(self) -> ET.Element:
        """The first document. Raises: LineDead."""
        return self.ask(self._hook("calls"), CallStatus="ringing")

    def ask(self, address: str, **fields: str) -> ET.Element:
        """The document at an address of ours after what `fields` tell. Raises: LineDead."""
        answer = self._post(address, {"CallStatus": "in-progress"} | fields)
        try:
            document = ET.fromstring(answer)  # noqa: S314  from the operator's own installation, over a signed request
        except ET.ParseError as problem:
            raise LineDead(f"The voice door's document is not XML ({problem}).") from None
        if document.tag != "Response":
            raise LineDead(f"The voice door's document begins with {document.tag} instead of Response.")
        return document

    def tell(self, address: str, **fields: str) -> None:
        """Posts news that no document answers. Raises: LineDead."""
        self._post(address, fields)

    def sound(self, address: str) -> str:
        """What is heard at an address: a stored file's name, fetched as carriers do; else the address."""
        if not address.startswith(f"{self.public_url}/files/"):
            return address  # somebody else's, who is not bothered by a rehearsal
        answer = self._reach("GET", address)
        if answer.status_code != 200:
            return f"(no sound: {_sentence(answer)})"
        name = answer.headers.get("Content-Disposition", "").partition("filename*=UTF-8''")[2]
        return f"{unquote(name)} ({answer.headers.get('Content-Type', '')})"

    def end(self, status: str, seconds: int) -> None:
        """Tells that the call is over. Raises: LineDead."""
        over = {"CallStatus": status, "CallDuration": str(seconds), "SequenceNumber": "0"}
        self._post(self._hook("calls/status"), over)

    def _hook(self, path: str) -> str:
        return f"{self.public_url}/hooks/{self.connection}/{path}"

    def _post(self, address: str, fields: dict[str, str]) -> str:
        form = {
            "CallSid": self.call_id,
            "AccountSid": "AC" + "0" * 32,
            "ApiVersion": "2010-04-01",
            "Direction": "inbound",
            "From": self.caller,
            "To": self.called,
        } | fields
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": sign(self.secret, address, list(form.items())),
        }
        answer = self._reach("POST", address, urlencode(form), headers)
        if answer.status_code != 200:
            raise LineDead(f"The voice door answered {answer.status_code}: {_sentence(answer)}")
        return answer.text

    def _reach(self, method: str, address: str, body: str = "", headers: Mapping[str, str] = {}) -> requests.Response:
        target = urlsplit(address)
        reached = f"{self.reached_at}{target.path}{'?' + target.query if target.query else ''}"
        try:
            with requests.Session() as session:
                session.trust_env = False  # our own installation is not behind anybody's proxy
                return session.request(method, reached, data=body, headers=headers, timeout=_ANSWER_SECONDS)
        except requests.Timeout:
            raise LineDead(f"The voice door did not answer within {_ANSWER_SECONDS:g} s: look at its log.") from None
        except requests.RequestException:
            raise LineDead(
                f"Nothing answers at {self.reached_at}: start Patchbay (make run), or give its address by --url."
            ) from None


def _sentence(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
