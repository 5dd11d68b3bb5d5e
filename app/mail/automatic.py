"""Whether a program wrote a mail (RFC 3834): no flow may answer it, or two robots would answer each other for ever."""

from email.message import Message
from typing import Final

_BULK: Final = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply"})
_LISTS: Final = ("List-Id", "List-Unsubscribe", "List-Post", "List-Help", "Mailing-List")
# Headers of programs older than RFC 3834, and of Exchange:
# https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxcmail (X-Auto-Response-Suppress)
_REPLIES: Final = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Response-Suppress", "X-Loop")
_NOBODY: Final = (
    "mailer-daemon",
    "postmaster",
    "noreply",
    "no-reply",
    "donotreply",
    "do-not-reply",
    "bounce",
    "bounces",
)


def is_automatic(mail: Message, sender: str) -> str:
    """Why no person wrote it: "report", "reply", "list" or "bulk"; empty when one did."""
    if mail.get_content_type() == "multipart/report":
        return "report"
    submitted = _word(mail, "Auto-Submitted")
    if submitted and submitted != "no":
        return "reply"
    if any(_word(mail, name) for name in _REPLIES[:3]) or _word(mail, "X-Auto-Response-Suppress") in {"all", "oof"}:
        return "reply"
    if _word(mail, "Return-Path") == "<>":
        return "report"
    if any(_word(mail, name) for name in _LISTS):
        return "list"
    if _word(mail, "Precedence") in _BULK:
        return "bulk"
    local = sender.partition("@")[0].lower()
    return "bulk" if not sender or local in _NOBODY or local.startswith(("bounce+", "bounces+")) else ""


def _word(mail: Message, name: str) -> str:
    """A header's first word in small letters, without its parameters."""
    return str(mail.get(name) or "").partition(";")[0].strip().lower()
