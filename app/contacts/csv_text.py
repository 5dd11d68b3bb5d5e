"""A contact in a line of CSV: which columns there are, and cells that no spreadsheet takes for formulas.

A cell that begins with =, +, -, @, a tab or a line break is executed by spreadsheets; an apostrophe before it makes it
text there. Source: https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Final

from app.errors import Invalid

COLUMNS: Final = ("name", "phone", "email", "language", "zone", "account_manager", "consent", "segments")
FIELD: Final = "attributes."
"""What the name of an own field's column begins with."""
MOST_ROWS: Final = 100_000
LARGEST_BYTES: Final = 32 * 1_048_576

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
# Where ; separates cells, as in Poland, a spreadsheet begins a cell in the middle of ours.
_BEGINS: Final = re.compile(r"\A(?=[=+\-@\t\r\n'])|(?<=[;\t\r\n])(?=[=+\-@'])")
_BEGUN: Final = re.compile(r"(?:\A|(?<=[;\t\r\n]))'")
_LONGEST_CELL: Final = 65_536
_SEPARATORS: Final = (",", ";", "\t")


def safe_cell(text: str) -> str:
    """The text as a cell that no spreadsheet executes."""
    return _BEGINS.sub("'", text)


def cell_text(cell: str) -> str:
    """What `safe_cell` was given."""
    return _BEGUN.sub("", cell)


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would execute the cell; a telephone number with + is none."""
    begins = cell[:1]
    return begins in _FORMULA and not (begins in "+-" and cell[1:].replace(" ", "").isdigit())


def lines(content: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    """Every line that is not empty, with its number; the first is the header. Raises: Invalid for the whole file."""
    text = _decoded(content)
    header = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=header.count)
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    count = 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                count += 1
                if count > MOST_ROWS + 1:
                    sentence = f"The file has more than {MOST_ROWS:,} contacts: divide it into several."
                    raise Invalid(sentence, "too_many_rows")
                yield reader.line_num, row
    except csv.Error as problem:
        if "field larger than field limit" in str(problem):  # csv has one class for all that is wrong
            sentence = f"Line {reader.line_num} has a cell of more than {_LONGEST_CELL:,} characters: shorten it."
            raise Invalid(sentence, "not_csv") from problem
        raise Invalid(f"Line {reader.line_num} is no CSV: {problem}.", "not_csv") from problem


def header_of(row: Sequence[str]) -> list[str]:
    """The columns' names. Raises: Invalid when one is unknown or stands twice."""
    names = [cell_text(cell.strip()).strip() for cell in row]
    known = f"{', '.join(COLUMNS)}, and {FIELD}NAME for fields of your own"
    for index, name in enumerate(names):
        if name not in COLUMNS and not (name.startswith(FIELD) and len(name) > len(FIELD)):
            raise Invalid(f"The first line has the column “{name[:60]}”; there are {known}.", "bad_header")
        if name in names[:index]:
            raise Invalid(f"The column “{name[:60]}” stands twice: remove one.", "bad_header")
    if not {"phone", "email"} & set(names):
        raise Invalid("The file needs a column phone or email, by which contacts are known again.", "bad_header")
    return names


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Invalid("The file is UTF-16: save it as “CSV UTF-8”.", "bad_encoding")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        sentence = f"Line {line} is not UTF-8, as if the file were of another encoding: save it as “CSV UTF-8”."
        raise Invalid(sentence, "bad_encoding") from problem
    if not text.strip():
        raise Invalid("The file is empty: its first line names the columns.", "empty")
    return text
