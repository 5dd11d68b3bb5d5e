"""Pacing: how fast a number may send, across all processes."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import sql
from app.handled import Unsent
from app.store.rows import ids

_QUARTER: Final = 900_000_000
"""Microseconds. Quiet hours end at a whole hour of some zone, and zones lie quarters of an hour apart: what was put off
until then has no place yet, and not all of it may leave at once."""


def limited_numbers(session: Session, number_ids: Iterable[int], now: int) -> set[int]:
    """Those that are paced or blocked: most are neither, and one look tells it for the whole group."""
    query = "SELECT id FROM numbers WHERE id IN ({ids}) AND (rate_per_second > 0 OR blocked_until_at > :now)"
    return set(ids(session, query, set(number_ids), now=now).scalars())


def takes_turn(session: Session, one: Unsent, now: int) -> bool:
    """Paces a number: each send moves its next instant on by one interval, and a burst may run ahead of it.

    A message that may not leave now gets a place of its own and stays until then what it is, queued or `sending` since
    an attempt that crashed, so that a backlog does not wake at once at every slot. Whoever reads also locks, so two
    processes never hand out the same place.
    """
    number = session.execute(
        sql(
            session,
            "SELECT rate_per_second, burst, paced_until_at, blocked_until_at FROM numbers WHERE id = :id"
            " AND (rate_per_second > 0 OR blocked_until_at > :now) {for update}",
        ),
        {"id": one.number_id, "now": now},
    ).first()
    if number is None:
        return True
    interval = int(1_000_000 / number.rate_per_second) if number.rate_per_second > 0 else 0
    paced = number.paced_until_at or 0
    may_at = max(number.blocked_until_at or 0, paced - (number.burst - 1) * interval)
    # Places lie whole intervals apart; when a failed or crashed attempt is repeated is no such instant, so a message
    # that is tried again takes one place, and keeps it.
    behind = paced - one.next_attempt_at
    is_place = interval > 0 and behind > 0 and behind % interval == 0
    put_off = one.next_attempt_at % _QUARTER == 0
    has_place = is_place or (one.attempts == 0 and one.next_attempt_at > one.created_at and not put_off)
    if has_place and (number.blocked_until_at or 0) <= now:
        return True
    statement = "UPDATE numbers SET paced_until_at = :until WHERE id = :id"
    until = max(paced, now, number.blocked_until_at or 0) + interval
    session.execute(text(statement), {"until": until, "id": one.number_id})
    if may_at > now:
        statement = "UPDATE effects SET next_attempt_at = :again WHERE id = :id AND state IN ('queued', 'sending')"
        session.execute(text(statement), {"again": may_at, "id": one.id})
        return False
    return True


def block_number(session: Session, number_id: int, until: int) -> None:
    """Nothing leaves from the number until then (microseconds): the provider asked for it."""
    statement = "UPDATE numbers SET blocked_until_at = :until WHERE id = :id"
    session.execute(text(statement), {"until": until, "id": number_id})
