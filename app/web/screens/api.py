"""The page of the API: every door with what it does, what it takes and who may open it; lists open at a click."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from werkzeug.wrappers import Response as BaseResponse

from app.accounts.roles import Right, Rights
from app.web.api import NOUNS
from app.web.api.answers import fields_of
from app.web.api.doors import PREFIX, RAW, Door
from app.web.screens.doors import Screens, Visit
from app.web.screens.frame import framed
from flows.form.spelled import spelled

screens = Screens("api")

_PAGE: Final = ("limit", "after")


@dataclass(frozen=True)
class Taken:
    """A field of a door's body or query."""

    name: str
    what: str
    needed: bool


@dataclass(frozen=True)
class ShownDoor:
    """A door in words. `gives` are the fields of its answer, or of each entry of a list; `opens` is its address where a
    click may follow it, else empty."""

    method: str
    parts: list[str]
    summary: str
    more: list[str]
    takes: list[Taken]
    takes_bytes: bool
    is_paged: bool
    gives: list[str]
    gives_list: bool
    rights: list[str]
    opens: str


@screens.get("/api", Right.OWN_ACCOUNT)
def show(visit: Visit) -> BaseResponse:
    """All of it."""
    nouns = [(noun.name, [_shown(door, visit.caller.rights) for door in noun.doors]) for noun in NOUNS]
    return framed("api.html", visit.caller, nouns=nouns, prefix=PREFIX, description=f"{PREFIX}/openapi.json")


def _shown(door: Door, rights: Rights) -> ShownDoor:
    taken = door.query if door.body is None or door.body is RAW else door.body
    properties: Mapping[str, Any] = taken["properties"]
    gives, gives_list = fields_of(door.view)
    first, *more = (door.view.__doc__ or "").split("\n\n")
    follows = door.method == "GET" and "{" not in door.address and door.needs <= rights
    follows = follows and not door.address.endswith("/export")  # a file is nothing to look into, and is noted
    return ShownDoor(
        method=door.method,
        parts=door.address.strip("/").split("/"),
        summary=" ".join(first.split()),
        more=[" ".join(one.split()) for one in more if one.strip()],
        takes=[
            Taken(name, spelled(field).replace("`", ""), name in taken["required"])
            for name, field in properties.items()
            if name not in _PAGE
        ],
        takes_bytes=door.body is RAW,
        is_paged="limit" in properties,
        gives=gives,
        gives_list=gives_list,
        rights=sorted(door.needs),
        opens=PREFIX + door.address if follows else "",
    )
