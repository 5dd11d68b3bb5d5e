"""The journal: what a turn asked of the world and what came back, so that a repeated turn repeats nothing unsafe."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import now_microseconds
from app.store.rows import over


@dataclass(frozen=True)
class Entry:
    """One Ask. state: sending (an unsafe request that may be under way), answered."""

    run_id: int
    turn: int
    n: int
    fingerprint: str
    state: str
    answer: str = ""


def write(session: Session, entries: Sequence[Entry]) -> None:
    """Stores entries; a later one with the same key replaces the earlier."""
    now = now_microseconds(session)
    latest = {(one.run_id, one.turn, one.n): one for one in entries}
    over(
        session,
        """
        INSERT INTO journal (run_id, turn, n, fingerprint, state, answer, created_at)
        SELECT r.run_id, r.turn, r.n, r.fingerprint, r.state, r.answer, :now FROM {rows} WHERE true
        ORDER BY r.run_id, r.turn, r.n
        ON CONFLICT (run_id, turn, n) DO UPDATE SET fingerprint = excluded.fingerprint, state = excluded.state,
            answer = excluded.answer
        """,
        {"run_id": "bigint", "turn": "bigint", "n": "bigint", "fingerprint": "text", "state": "text", "answer": "text"},
        [vars(one) for one in latest.values()],
        now=now,
    )


def forget_from(session: Session, run_id: int, turn: int, n: int) -> None:
    """Drops the entries of a turn from n on: its repetition asks something else."""
    session.execute(
        text("DELETE FROM journal WHERE run_id = :run AND turn = :turn AND n >= :n"),
        {"run": run_id, "turn": turn, "n": n},
    )
