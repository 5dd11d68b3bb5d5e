"""The README's table: what was proved, in five lines, out of what `prove` has printed."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_ROWS: Final = {
    "chaos-key": "everything is killed; the provider ignores a repeated key",
    "chaos-lookup": "everything is killed; the provider has only a list of what it sent",
    "chaos-neither": "everything is killed; the provider has neither",
    "chaos-load": "250 messages a second; one of two workers is killed every one or two seconds",
    "simulation": "simulated worlds, each with crashes, delays and orders of its own",
}
_HEAD: Final = ("what happens", "on", "messages", "kills", "lost", "sent twice", "out of order", "outcome unknown")
_PLACE: Final = re.compile(r"(<!-- figures: proved -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_SPELLED: Final = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
Line = Mapping[str, Any]


def filled(page: str, lines: Sequence[Line]) -> str:
    """The page with the table at its place; of an experiment on two databases the first line counts."""
    first = {line["experiment"]: line for line in reversed(lines)}
    rows = [_HEAD, ["---"] * len(_HEAD), *(_row(what, first[name]) for name, what in _ROWS.items() if name in first)]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return _PLACE.sub(lambda found: found[1] + table + found[2], page)


def _row(what: str, line: Line) -> Sequence[str]:
    figures, database = line["figures"], _SPELLED[line["database"]]
    if line["experiment"] == "simulation":
        what, kills = f"{figures.get('worlds', 0):,} {what}", figures.get("crashes", 0)
        zeros: Sequence[object] = [figures.get("worlds with a broken promise", "?")] * 3
        return [what, database, _counted(figures.get("messages")), _counted(kills), *map(_counted, zeros), "0"]
    kills = figures.get("kills", 0)
    counts = [
        figures.get("messages"),
        sum(kills.values()) if isinstance(kills, Mapping) else kills,
        *(figures.get(name) for name in ("lost", "duplicated", "out_of_order", "unknown")),
    ]
    return [what, database, *map(_counted, counts)]


def _counted(count: object) -> str:
    return f"{count:,}" if isinstance(count, int) else "?"
