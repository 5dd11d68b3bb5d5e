"""What is said to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def heard(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are executed meanwhile and their values, but for the beginning of transactions."""
    statements: list[tuple[str, Any]] = []

    def hear(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append((statement, values))

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def plan(engine: Engine, statement: str, values: Any, *, as_if_large: bool = False) -> str:
    """How the database would execute a statement; PostgreSQL, if asked, as if its tables were larger than they are."""
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    with engine.connect() as connection:
        if as_if_large and engine.dialect.name == "postgresql":  # it reads a few rows whole, whatever indexes they have
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(explain + statement, values))
