"""HTML as text: what a person would read of it, in lines; nothing of it is ever run or fetched."""

import contextlib
import re
import time
from html.parser import HTMLParser
from typing import Final

_BLOCKS: Final = frozenset(
    {"address", "article", "aside", "blockquote", "body", "div", "dl", "dt", "dd", "fieldset", "footer", "form", "h1"}
    | {"h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr"}
    | {"ul", "br"}
)
_UNREAD: Final = frozenset({"head", "script", "style", "template", "title", "noscript"})
_VOID: Final = frozenset({"br", "hr"})
_QUOTE: Final = "> "
_MANY_BLANKS: Final = re.compile(r"\n{3,}")
_SPACES: Final = re.compile(r"[ \t\r\n\f\u00a0]+")
_DEEPEST: Final = 5  # quotes inside quotes; deeper ones look like that
_PROCESSOR_SECONDS: Final = 2.0
"""The longest letters people write take a tenth; Python's parser takes hours for tags that never end."""


class _TooLong(Exception):
    """The page costs more than its words are worth."""


def text_of_html(html: str) -> str:
    """The text of a page or mail; what stands in <blockquote> is quoted as in plain mail.

    Of a page that is made to keep us busy it is the beginning.
    """
    reader = _Reader()
    with contextlib.suppress(_TooLong):
        reader.feed(html)
        reader.close()
    reader.end_line()
    return _MANY_BLANKS.sub("\n\n", "\n".join(reader.lines)).strip()


class _Reader(HTMLParser):
    """Collects lines."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._line: list[str] = []
        self._unread: list[str] = []
        self._quotes = 0
        self._link, self._linked_from = "", 0  # the address, and where in the line its words begin
        self._until = time.thread_time() + _PROCESSOR_SECONDS

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._keep_time()
        if tag in _UNREAD:
            self._unread.append(tag)
        if tag in _BLOCKS:
            self.end_line(keep_blank=tag in _VOID)
        if tag == "blockquote":
            self._quotes = min(self._quotes + 1, _DEEPEST)
        if tag == "li":
            self._line.append("• ")
        if tag == "a":
            address = dict(attrs).get("href") or ""
            self._link = address if address.startswith(("https://", "http://")) else ""
            self._linked_from = len(self._line)

    def handle_endtag(self, tag: str) -> None:
        self._keep_time()
        if tag in self._unread:
            del self._unread[self._unread.index(tag) :]
        if tag == "a" and self._link:
            if self._link not in "".join(self._line[self._linked_from :]):
                self._line.append(f" ({self._link})")
            self._link = ""
        if tag in _BLOCKS - _VOID:
            self.end_line()
        if tag == "blockquote":
            self._quotes = max(self._quotes - 1, 0)
        if tag in {"p", "blockquote"}:
            self.lines.append("")

    def handle_data(self, data: str) -> None:
        self._keep_time()
        if not self._unread:
            self._line.append(_SPACES.sub(" ", data))

    def handle_comment(self, data: str) -> None:
        self._keep_time()

    def end_line(self, *, keep_blank: bool = False) -> None:
        """What was collected becomes a line, if there is anything in it."""
        text = _SPACES.sub(" ", "".join(self._line)).strip()
        self._line = []
        if text or keep_blank:
            self.lines.append(_QUOTE * self._quotes + text if text else "")

    def _keep_time(self) -> None:
        if time.thread_time() > self._until:
            raise _TooLong
