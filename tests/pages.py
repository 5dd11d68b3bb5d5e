"""The pages of the documentation, cut into their blocks of code and their tables."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def rows(page: Path, heading: str) -> list[list[str]]:
    """The rows of the first table after a line that contains the heading, without head and rule; cells as they read."""
    after = page.read_text(encoding="utf-8").partition(heading)[2]
    table = re.search(r"(?:^ *\|.*\|\n)+", after, re.MULTILINE)
    assert table is not None, f"{page.name} has no table after {heading!r}"
    lines = table[0].splitlines()[2:]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def code(cell: str) -> str:
    """What stands between the first pair of backticks, a lone space as nothing."""
    return cell.split("`")[1].rstrip() if "`" in cell else cell
