"""Cuts off what a reply repeats of the mail it answers, and the signature below it."""

import re
from typing import Final

# How mail programs introduce the quoted mail; the lines may be broken anywhere, so two are read together.
_INTRODUCTIONS: Final = re.compile(
    r"""(?ix) ^\s*>?\s*(?:
        on\ .{5,300}\ wrote:
      | (?:w\ dniu|dnia)\ .{5,300}\ (?:pisze|napisał|napisała|napisał\(a\)|napisał/a|pisze):
      | .{5,120}\ (?:napisał|napisała|napisał\(a\)|napisał/a|pisze):
      | .{5,300}\ (?:пишет|написал|написала|написал\(а\)):
      | (?:am|le)\ .{5,300}\ (?:schrieb.{0,100}|a\ écrit\s?):
    )\s*$"""
)
_SEPARATORS: Final = re.compile(
    r"""(?ix) ^\s*(?:
        -{2,}\s*(?:original\ message|forwarded\ message|oryginalna\ wiadomość|wiadomość\ oryginalna
                 |wiadomość\ przekazana|исходное\ сообщение|пересылаемое\ сообщение)\s*-{2,}
      | _{20,}
    )\s*$"""
)
_HEADERS: Final = re.compile(r"(?i)^\s*\*?(?:from|od|от|отправитель|von|de)\s?:\*?\s.*\S")
_MORE_HEADERS: Final = re.compile(
    r"(?i)^\s*\*?(?:sent|date|to|subject|wysłano|data|do|temat|отправлено|дата|кому|тема)\s?:"
)
_SIGNATURE: Final = re.compile(r"^-- ?$")  # RFC 3676 §4.3
_LONGEST_LINE: Final = 1_000


def without_quotes(text: str) -> str:
    """What the sender wrote anew; the whole text when that would be nothing."""
    lines = text.replace("\r\n", "\n").split("\n")
    end = next((at for at in range(len(lines)) if _quote_begins(lines, at)), len(lines))
    kept = [line for line in lines[:end] if not line.lstrip().startswith(">")]
    cut = "\n".join(kept).strip()
    return re.sub(r"\n{3,}", "\n\n", cut) if cut else text.strip()


def _quote_begins(lines: list[str], at: int) -> bool:
    line = lines[at][:_LONGEST_LINE]
    if _SIGNATURE.match(line) or _SEPARATORS.match(line):
        return True
    following = lines[at + 1][:_LONGEST_LINE] if at + 1 < len(lines) else ""
    if line.strip() and (_INTRODUCTIONS.match(line) or _INTRODUCTIONS.match(f"{line} {following.strip()}")):
        return any(one.lstrip().startswith(">") for one in lines[at : at + 6]) or _ends_here(lines, at)
    return bool(_HEADERS.match(line)) and bool(_MORE_HEADERS.match(following))


def _ends_here(lines: list[str], at: int) -> bool:
    """An introduction whose mail is not marked with ">": everything below it is the quoted mail."""
    return at > 0 and not lines[at - 1].strip()
