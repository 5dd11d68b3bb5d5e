"""A stranger's steps do all that a step must not, one kind after the other, beside thirty other conversations."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

from app.config import Settings
from flows import document
from flows.document import Flow
from tests.app.drawn import drawn, placed, sends, starts_with
from tests.faults.driver import phone_of, signed_request
from tests.faults.echo_flow import NUMBER
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.installation import ACCOUNT, OURS
from tests.faults.keeper import children_of
from tests.faults.site import Site, SitePlan, open_site
from tests.faults.tables import rows
from tests.faults.traffic import Traffic, end_consistent
from tests.faults.webhooks import ask_all
from tests.plugins import source, write_plugin

NAME = "strange-plugins"
PROMISE = "Whatever a plugin's step does, only its own run fails: its worker is free within 10 s, others lose nothing."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")
ALONE = True

KINDS = {
    "raises": "step_error",
    "loops": "plugin_timeout",
    "sleeps": "plugin_timeout",
    "runs_away": "plugin_timeout",
    "hoards": "plugin_memory",
    "forks": "step_error",
    "exits": "plugin_died",
    "crashes": "plugin_died",
    "prints": "",
    "leaks": "",
    "gives_nothing": "step_error",
    "gives_much": "too_large",
    "scribbles": "step_error",
    "forges": "step_error",
}
"""Each kind of strange step, and the error kind its run must end with; printing and keeping memory are no faults."""

_OTHERS = 30
_PER_SECOND = 5.0
_EACH_SECONDS = 3.0
_AT_ONCE = 4  # of the step that loops, at the end: it takes each call's whole time
_LAST_SECONDS = 25.0
_MOST_SECONDS = 10.0
_TURNS = "SELECT t.trace FROM turns t JOIN runs r ON r.id = t.run_id WHERE r.status = 'ended'"


def run(database: DatabaseKind, seed: int) -> Figures:
    """One strange message every three seconds, then four endless ones at once."""
    figures = Figures()
    with _installed_plugin(), open_site(SitePlan([_flow()], database, seed=seed)) as site:
        worker = site.keeper.kept["worker-1"].pid
        before = children_of(worker)
        seconds = len(KINDS) * _EACH_SECONDS + _LAST_SECONDS
        traffic = Traffic.of(site, int(seconds * _PER_SECOND), _OTHERS, seed)
        for number, kind in enumerate(KINDS):
            ask_all(site.ports["web"], [_message(site.ports["web"], number, kind)])
            traffic.let_in(_EACH_SECONDS, _PER_SECOND)
        many = range(len(KINDS), len(KINDS) + _AT_ONCE)
        ask_all(site.ports["web"], [_message(site.ports["web"], number, "loops") for number in many])
        traffic.let_in(_LAST_SECONDS, _PER_SECOND)
        traffic.finish(figures)
        expected = sorted([*KINDS.values(), *(["plugin_timeout"] * _AT_ONCE)])
        traffic.wait("every strange run has ended", lambda: len(_errors(site.settings)) >= len(expected), 60)
        errors = _errors(site.settings)
        silence = max(later - earlier for earlier, later in pairwise([one.at for one in traffic.sent()]))
        figures.values |= {
            "others": _OTHERS,
            "strange_messages": len(expected),
            "failed_as": {kind: errors.count(kind) for kind in sorted({*errors} - {""})},
            "others_failed": len(errors) - len(expected),
            "longest_silence_s": round(silence, 1),
            "others_delay_p50_ms": traffic.delay_ms(0, time.time(), 50),
            "others_delay_p99_ms": traffic.delay_ms(0, time.time(), 99),
            "worker_killed": int(children_of(worker) != before),
            "processes_left": len(_strays(site)),
        }
        figures.expect(errors == expected, f"The strange runs ended as {errors}, and should as {expected}.")
        figures.expect(silence <= _MOST_SECONDS, "The worker was not free after ten seconds.")
        figures.expect(children_of(worker) == before, "The worker's process was replaced.")
        figures.expect(not _strays(site), "Processes of steps are left over.")
        return end_consistent(figures, site)


@contextmanager
def _installed_plugin() -> Iterator[None]:
    """For this process, which publishes, and for all that it starts."""
    with tempfile.TemporaryDirectory() as folder:
        write_plugin(Path(folder), {kind: source(kind) for kind in KINDS})
        there = os.environ.get("PYTHONPATH", "")
        path = os.pathsep.join(part for part in (folder, there) if part)
        with patch.dict(os.environ, {"PYTHONPATH": path}), patch.object(sys, "path", [folder, *sys.path]):
            yield


def _flow() -> Flow:
    steps = {"in": starts_with(NUMBER, "answer"), "answer": sends("answer to {{ message.text }}")}
    for kind in KINDS:
        steps[f"hears_{kind}"] = starts_with(NUMBER, kind, f"do {kind}")
        steps[kind] = placed(kind, {}, next="end", failure="end")
    return document.from_data(drawn("Strange", steps))


def _message(port: int, number: int, kind: str) -> bytes:
    contact = phone_of(_OTHERS + number)
    pairs = [("MessageSid", f"SM{number:032d}"), ("AccountSid", ACCOUNT), ("From", contact), ("To", OURS)]
    return signed_request(port, "messages", [*pairs, ("Body", f"do {kind}"), ("NumMedia", "0")], keep=False)


def _errors(settings: Settings) -> list[str]:
    """The error kind of each ended run that came to a strange step, and of every other that failed; sorted."""
    found = []
    for (trace,) in rows(settings, _TURNS):
        entries = json.loads(trace)
        kinds = [entry.get("failure", {}).get("kind", "") for entry in entries]
        if any(entry["type"] in KINDS for entry in entries) or any(kinds):
            found.append(next(filter(None, kinds), ""))
    return sorted(found)


def _strays(site: Site) -> list[int]:
    """Copies of the worker's template beyond the four that may be kept."""
    child = children_of(site.keeper.kept["worker-1"].pid)
    templates = [template for one in child for template in children_of(one)]
    copies = [copy for template in templates for copy in children_of(template)]
    return [stray for copy in copies for stray in children_of(copy)] + copies[4:]
