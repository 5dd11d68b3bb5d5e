"""A fuzzer over the API's own description: drawn requests, right and wrong ones, to every door; what breaks is a fault.

`python -m tests.attacks.fuzzing --seconds 600` runs it for as long as one likes, against a fresh installation.
https://schemathesis.readthedocs.io/
"""

import argparse
import logging
import random
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import schemathesis
import structlog
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisException
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi import checks

from app.accounts.roles import SCOPES, Role, rights_of
from app.accounts.tokens import create_token
from app.config import Settings
from app.web import create_app
from tests.app.seeded import Seeded, seeded

DESCRIPTION: Final = "/api/v1/openapi.json"
CHECKS: Final = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    schemathesis.checks.not_a_server_error,
]
_MODES: Final = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
_LONGEST_SECONDS: Final = 5.0  # a request that takes longer keeps others waiting
# What is there, so that not every request ends at an unknown name; the fuzzer's own token is none of it.
THERE: Final[Mapping[str, tuple[Any, ...]]] = {
    "flow": ("VIP messages", "VIP calls", "1"),
    "kind": ("menu", "branch"),
    "number": (1, "web-chat", "support-line"),
    "connection": ("simulated",),
    "queue": ("gold", "standard"),
    "constant": ("customer_api",),
    "reference": ("PB-1",),
    "token": ("other",),
}


@dataclass
class Found:
    """What a run of the fuzzer found: how much was asked, and a sentence for each fault with its request."""

    requests: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    faults: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, door: str, kind: str, sentence: str) -> None:
        """The first fault of each kind at each door."""
        self.faults.setdefault((door, kind), sentence)


def fuzz(app: Flask, tokens: Sequence[str], seconds: float, *, start: int = 0, only: Iterable[str] = ()) -> Found:
    """Asks every door with drawn requests, each with one of the tokens, until the time is over.

    `start`: another number draws other requests. `only`: doors such as "GET /api/v1/queues".
    """
    headers = {"Authorization": f"Bearer {tokens[0]}"}
    described = schemathesis.openapi.from_wsgi(DESCRIPTION, app, headers=headers)
    chance, wanted, found = random.Random(start), set(only), Found()
    doors = [result.ok() for result in described.get_all_operations() if isinstance(result, Ok)]
    asked = [
        (door, mode)
        for door in doors
        for mode in _MODES
        if not wanted or f"{door.method.upper()} {door.path}" in wanted
    ]
    drawing = cache(lambda door, mode: door.as_strategy(generation_mode=mode))
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        chance.shuffle(asked)
        for door, mode in asked:
            if time.monotonic() < ends_at:
                name = f"{door.method.upper()} {door.path}"
                _ask(name, drawing(door, mode), chance, _Asking(tokens, found, mode is GenerationMode.POSITIVE))
    return found


@dataclass
class _Asking:
    """With which tokens, where what is found goes, and whether the requests are right ones."""

    tokens: Sequence[str]
    found: Found
    is_right: bool


def _ask(door: str, strategy: Any, chance: random.Random, asking: _Asking) -> None:
    """A few requests to one door; hypothesis draws them, we count what breaks and go on."""
    found = asking.found

    @seed(chance.randrange(2**32))
    @settings(
        max_examples=4, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(case=strategy)
    def one(case: Any) -> None:
        for name in list(case.path_parameters or {}) if asking.is_right else []:
            if name in THERE and chance.random() < 0.7:
                case.path_parameters[name] = chance.choice(THERE[name])
        headers = {"Authorization": f"Bearer {chance.choice(asking.tokens)}"}
        began = time.monotonic()
        answer = case.call(headers=headers)
        found.requests += 1
        found.statuses[answer.status_code] = found.statuses.get(answer.status_code, 0) + 1
        if (took := time.monotonic() - began) > _LONGEST_SECONDS:
            found.note(door, "Slow", f"{door} took {took:.1f} s.")
        _look(door, case, answer, headers, found)

    try:
        one()
    except HypothesisException:
        return  # a door that takes nothing cannot be asked wrongly


def _look(door: str, case: Any, answer: Any, headers: Mapping[str, str], found: Found) -> None:
    try:
        case.validate_response(answer, checks=CHECKS, headers=dict(headers))
    except FailureGroup as group:
        for failure in group.exceptions:
            found.note(door, type(failure).__name__, f"{door}: {failure} {case.as_curl_command()}")
    if answer.status_code >= 400 and answer.status_code != 500:
        told = answer.json()
        if set(told) != {"error", "code", "details"} or not str(told["error"]).endswith((".", "!")):
            found.note(door, "NoSentence", f"{door} answered {answer.status_code} with {str(told)[:300]}")


def tokens_of(house: Seeded) -> list[str]:
    """For each role a token that may do what its people may, as far as any token may."""
    with house.house.database.transaction() as session:
        return [create_token(session, f"fuzzer-{role}", "tests", rights_of(role) & SCOPES) for role in Role]


def main() -> int:
    """Fuzzes a fresh installation as every role; 1 when something is found."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--seconds", type=float, default=600.0)
    reader.add_argument("--start", type=int, default=0, help="another number draws other requests")
    wanted = reader.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        where = {"DATABASE_URL": f"sqlite:///{folder}/fuzz.db", "PATCHBAY_DATA": str(Path(folder) / "data")}
        with seeded(Settings.from_environment(where)) as house:
            found = fuzz(create_app(house.house), tokens_of(house), wanted.seconds, start=wanted.start)
    print(f"{found.requests} requests, {dict(sorted(found.statuses.items()))}, {len(found.faults)} faults")  # noqa: T201  a command
    print(*found.faults.values(), sep="\n\n")  # noqa: T201  as above
    return 1 if found.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
