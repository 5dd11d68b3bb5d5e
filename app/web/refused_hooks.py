"""Webhooks that were refused for their signature, as people see them: too seldom for a stranger to fill a page."""

import structlog

from app.calling import UNAVAILABLE
from app.house import House
from app.store.webhooks import note_unsigned
from app.web.rates import Rates

_log = structlog.get_logger("patchbay.hooks")


class RefusedHooks:
    """One process's; it tells of each connection at most once a minute."""

    def __init__(self, house: House) -> None:
        """Nothing was refused yet."""
        self._house = house
        self._rates = Rates(per_second=1 / 60, burst=1)

    def note(self, connection: str, sentence: str) -> None:
        """On the errors page, unless it was said a moment ago."""
        if self._rates.take(connection):
            return
        try:
            with self._house.database.transaction() as session:
                note_unsigned(session, f"A webhook to “{connection}” was refused. {sentence}")
        except UNAVAILABLE:
            _log.warning("refusal_not_noted", connection=connection)
