"""What the test of a connection finds: each thing that has to be right, in a sentence, and what mends it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from app.outgoing import BlockedAddress, NameNotFound, OutgoingAnswer, OutgoingError, OutgoingRequest, TlsRefused
from app.web_address import BadWebAddress, read_origin, read_web_address

State = Literal["good", "wrong", "unknown"]
_LIVE: Final = b'"live":true'  # what our own door /live answers
_ANSWER_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `mend` says what to do where it is not good; `number` is the value of ours that it
    is about, if it is about one. Neither sentence ever holds a secret."""

    name: str  # for programs: public_address, secrets, credentials, account, number, webhooks, …
    state: State
    sentence: str
    mend: str = ""
    number: str = ""


@dataclass(frozen=True)
class OwnNumber:
    """A number of ours, as far as checks need it."""

    value: str
    answers_calls: bool = False
    answers_messages: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)


class Sender(Protocol):
    """Whatever sends requests."""

    def send(self, request: OutgoingRequest) -> OutgoingAnswer:
        """Performs one request. Raises: OutgoingError."""
        ...


def check_secrets(needed: Sequence[str], secrets: Mapping[str, str]) -> Check:
    """Whether all of these are entered."""
    missing = [name for name in needed if not secrets.get(name)]
    if missing:
        what = f"The secret {missing[0]} is" if len(missing) == 1 else f"The secrets {' and '.join(missing)} are"
        return Check("secrets", "wrong", f"{what} not entered.", "Enter what is missing in the connection.")
    return Check("secrets", "good", "All secrets are entered." if needed else "It needs no secrets.")


def check_public_address(public_url: str, http: Sender) -> Check:
    """Whether the outside can reach us, as far as that can be seen from here. Asks our own door /live for it."""
    name = "public_address"
    mend = "Set PUBLIC_URL to the https address under which the outside reaches this installation."
    try:
        address = read_web_address(public_url)
    except BadWebAddress as error:
        return Check(name, "wrong", str(error), mend)
    host = address.host_and_port
    asked = OutgoingRequest("GET", f"{address.origin}/live", timeout_seconds=_ANSWER_SECONDS, follow_redirects=False)
    try:
        answer = http.send(asked)
    except BlockedAddress:
        return Check(name, "wrong", f"{host} lies in a private network: nobody outside can reach us there.", mend)
    except NameNotFound as error:
        return Check(name, "wrong", str(error), "Enter the name at your provider of names, or correct PUBLIC_URL.")
    except TlsRefused as error:
        return Check(name, "wrong", str(error), f"Let {host} show a valid certificate: nobody talks to it else.")
    except OutgoingError as error:
        return Check(
            name,
            "unknown",
            f"{error} Some routers let nobody call their own public address, so this need not be wrong.",
            f"Open {address.origin}/live from another network: it must say that it is live.",
        )
    if _LIVE not in answer.body.replace(b" ", b""):
        return Check(name, "wrong", f"Something else than this installation answers at {host}.", mend)
    if address.scheme != "https":
        return Check(name, "wrong", f"{host} is not encrypted: what customers write can be read on its way.", mend)
    return Check(name, "good", f"{host} answers.")


def check_sites(numbers: Sequence[OwnNumber]) -> Iterator[Check]:
    """Whether what stands among the allowed sites of pages of ours are sites."""
    for number in numbers:
        told = number.settings.get("allowed_origins")
        sites = [one for one in told if isinstance(one, str)] if isinstance(told, list) else []
        wrong = [site for site in sites if not _is_origin(site)]
        if wrong:
            sentence = f"“{wrong[0][:80]}” among the allowed sites is no site, so browsers are refused there."
            mend = "Write scheme and host only, such as https://shop.example.com."
            yield Check("allowed_sites", "wrong", sentence, mend, number.value)
        else:
            sentence = f"{len(sites)} allowed sites." if sites else "Only our own page shows it: no other site may."
            yield Check("allowed_sites", "good", sentence, number=number.value)


def _is_origin(text: str) -> bool:
    try:
        return bool(read_origin(text))
    except BadWebAddress:
        return False
