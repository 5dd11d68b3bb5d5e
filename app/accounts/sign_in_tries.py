"""How often somebody may guess: counted before the password is looked at, so that no stampede gets more tries."""

import ipaddress
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from app.accounts.digests import digest
from app.db import from_microseconds, now, sql
from app.models import SignInTries

WINDOW: Final = timedelta(minutes=15)
OF_ACCOUNT: Final = 10
"""Nobody mistypes a password ten times; at 40 guesses an hour even a poor one lasts."""
OF_ADDRESS: Final = 100
"""A whole office may sign in through one address; without TRUSTED_PROXIES all behind a proxy have the same one."""

# The key's row is locked by the statement itself: of many at once each gets a number of its own.
_COUNT: Final = """
INSERT INTO sign_in_tries (key, began_at, tries) VALUES (:key, {now}, 1)
ON CONFLICT (key) DO UPDATE SET
  tries = CASE WHEN sign_in_tries.began_at <= excluded.began_at - :window THEN 1 ELSE sign_in_tries.tries + 1 END,
  began_at = CASE WHEN sign_in_tries.began_at <= excluded.began_at - :window THEN excluded.began_at
             ELSE sign_in_tries.began_at END
RETURNING tries, began_at
"""


@dataclass(frozen=True)
class Counted:
    """A try that was counted."""

    is_allowed: bool
    is_first_refused: bool = False  # the audit log names it once, however often they go on
    wait_seconds: int = 0


def count_try(session: Session, email: str, address: str) -> Counted:
    """Counts one try of this account from this address; commit it before the password is looked at."""
    for key, most in ((_address_key(address), OF_ADDRESS), (account_key(email), OF_ACCOUNT)):
        tries, began_at = session.execute(
            sql(session, _COUNT), {"key": key, "window": int(WINDOW.total_seconds() * 1_000_000)}
        ).one()
        if tries > most:
            ends_in = from_microseconds(began_at) + WINDOW - now(session)
            return Counted(False, tries == most + 1, max(1, math.ceil(ends_in.total_seconds())))
    return Counted(True)


def forget_tries(session: Session, email: str) -> None:
    """After the right password, or a new one: the account's count begins anew, and old ones are cleared away."""
    session.execute(delete(SignInTries).where(SignInTries.key == account_key(email)))


def clear_old_tries(session: Session) -> None:
    """Takes away what counts no more. In a transaction of its own, where no other row is held."""
    skipping = "" if session.get_bind().dialect.name == "sqlite" else "FOR UPDATE SKIP LOCKED"
    old = f"SELECT key FROM sign_in_tries WHERE began_at <= :before LIMIT 1000 {skipping}"  # noqa: S608  no input in it
    before = int((now(session) - WINDOW).timestamp() * 1_000_000)
    session.execute(text(f"DELETE FROM sign_in_tries WHERE key IN ({old})"), {"before": before})  # noqa: S608  as above


def account_key(email: str) -> str:
    """The key of an account, known or not."""
    return digest(f"account {email}")


def _address_key(address: str) -> str:
    """One for all addresses that a single line usually has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # no socket of the internet, such as a test's
        return digest(f"address {address}")
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False).network_address
    return digest(f"address {parsed}")
