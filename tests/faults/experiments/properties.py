"""Contacts, people, the provider, authors, time and crashes in any order, beside a small model of what comes of it."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.migrating import migrate
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.properties.mutations import FOUND_BY, MUTATIONS
from tests.faults.properties.place import Place, open_place, settings_over
from tests.faults.properties.running import outcome_of
from tests.postgres import PostgresServer

NAME = "properties"
PROMISE = (
    "Whatever happens in any order, conversations come to what a small model says, and are consistent at each step."
)
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")
COMPUTES = True

_SEEDS = 3
_EXAMPLES = 40  # of each seed


def run(database: DatabaseKind, seed: int) -> Figures:
    """Seed 1 runs the seeds from 0 on, seed 2 the next ones."""
    figures, counts = Figures(), Counter[str]()
    with _place(database) as place:
        for one in range((seed - 1) * _SEEDS, seed * _SEEDS):
            outcome = outcome_of(place, _EXAMPLES, one)
            counts.update(outcome.counts)
            figures.expect(not outcome.broken, f"seed {one}: {outcome.broken}")
        found = [name for name in MUTATIONS if outcome_of(place, _EXAMPLES, FOUND_BY[name], name).broken]
    figures.values = {
        **{name: counts[name] for name in ("examples", "looks", "conversations", "deaths")},
        "events handled": {name: counts[name] for name in sorted(counts) if "_" in name},
        "messages": {name.partition(" ")[2]: counts[name] for name in sorted(counts) if name.startswith("messages ")},
        "examples broken": len(figures.broken),
        "planted faults": len(MUTATIONS),
        "of them found": len(found),
    }
    figures.expect(len(found) == len(MUTATIONS), f"not found: {', '.join(sorted(MUTATIONS.keys() - set(found)))}")
    return figures


@contextmanager
def _place(database: DatabaseKind) -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="patchbay-properties-"))
    server = PostgresServer() if database == "postgresql" else None
    try:
        if server is not None:
            server.start()
            server.execute("CREATE DATABASE properties")
        settings = settings_over(folder, server.url("properties") if server else "")
        migrate(settings)
        with open_place(settings) as place:
            yield place
    finally:
        if server is not None:
            server.remove()
        shutil.rmtree(folder, ignore_errors=True)
