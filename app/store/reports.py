"""Statuses that providers report: a message's rank only rises, and a callback settles an unknown outcome."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.handled import UNSENT, Handled, unsent_of
from app.store import sends

# News that a message is there also settles one that is to be sent again; a refusal may be an earlier attempt's.
_SETTLE = """
    UPDATE effects SET state = CASE WHEN :rank = 5 THEN 'dead' ELSE 'sent' END, settled_at = :now,
        provider_id = CASE WHEN provider_id = '' THEN :provider_id ELSE provider_id END
    WHERE id = :effect_id AND :rank >= 4
      AND (state IN ('sending', 'unknown') OR state = 'queued' AND attempts > 0 AND :rank <> 5)
    RETURNING {columns}
""".replace("{columns}", UNSENT)

_SHOW = """
    UPDATE messages SET rank = :rank, changed_at = :now, error = CASE WHEN :error = '' THEN error ELSE :error END,
        provider_id = CASE WHEN provider_id = '' THEN :provider_id ELSE provider_id END
    WHERE rank < :rank AND effect_key = (
        SELECT key FROM effects WHERE id = :effect_id AND (:rank <> 5 OR state <> 'queued'))
    RETURNING id
"""
_READ = "SELECT {columns} FROM effects WHERE id = :effect_id".replace("{columns}", UNSENT)


def write(session: Session, group: Sequence[Handled], now: int) -> None:
    """Stores all reports of the group."""
    for one in group:
        for report in one.reports:
            _write_one(session, dict(report), now)


def _write_one(session: Session, report: dict[str, Any], now: int) -> None:
    values = {**report, "now": now}
    settled = unsent_of(session.execute(text(_SETTLE), values).all())
    has_failed = session.execute(text(_SHOW), values).first() is not None and report["rank"] == 5
    if has_failed and not settled:  # the provider took it, and could not deliver it after all
        settled = unsent_of(session.execute(text(_READ), values).all())
    outcome: Literal["dead", "sent"] = "dead" if has_failed else "sent"
    told = {"error_kind": report["error_kind"], "error": report["error"]}
    sends.follow(session, [sends.Settled(one, outcome, **told) for one in settled], now)
