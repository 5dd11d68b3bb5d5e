"""Where a secret goes that names its own place: a mail server, the incoming webhook of a chat."""

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Final

from app.web_address import BadWebAddress, read_web_address
from flows.answers import read_email
from flows.values import is_one_line

_LONGEST: Final = 8_192
_MODES: Final = ("tls", "starttls", "none")


def destination_problems(kind: str, secret: Mapping[str, str]) -> list[str]:
    """A sentence for each thing that is wrong with a credential of the kind smtp or chat_webhook."""
    if kind == "chat_webhook":
        return _address_problems(secret["url"])
    found = server_problems(secret["host"], secret["port"], secret["mode"])
    if not read_email(parseaddr(secret["sender"])[1]) or not is_one_line(secret["sender"]):
        found.append("The sender must be an e-mail address, like support@example.com or Acme <support@example.com>.")
    user, password = secret.get("user", ""), secret.get("secret", "")
    if bool(user) != bool(password):
        found.append("User and secret belong together: fill in both, or neither for a server without sign-in.")
    if not is_one_line(user + password) or max(len(user), len(password)) > _LONGEST:
        found.append(f"User and secret may hold no line breaks, and {_LONGEST} characters at most.")
    return found


def server_problems(host: str, port: str, mode: str) -> list[str]:
    """What is wrong with a server's place."""
    found = []
    try:
        read_web_address(f"https://{f'[{host}]' if ':' in host else host}/")
    except BadWebAddress:
        found.append("The host must be the name of a server, like mail.example.com.")
    if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65_535):
        found.append("The port must be a number from 1 to 65535, such as 587.")
    if mode not in _MODES:
        found.append(f"The mode must be one of {', '.join(_MODES)}.")
    return found


def _address_problems(url: str) -> list[str]:
    try:
        address = read_web_address(url)
    except BadWebAddress as error:
        return [str(error)]
    return [] if address.scheme == "https" else ["The address must begin with https://: it is a secret."]
