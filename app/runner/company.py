"""How many conversations may be in hand beside an event whose earlier attempts were killed.

A kill counts against everything that was under way, innocents too. What was begun before begins in ever smaller
company: so innocents of a few kills get away together, and only what fails by itself is found, alone, and charged.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.runner.work import Work

REPEATED = 2  # so many attempts may be anybody's kills: only from then on is company limited
_COMPANY = {2: 16, 3: 4}  # attempts so far -> conversations in hand at most, itself included; one beyond
MOST = _COMPANY[REPEATED]
_NO_BOUND = 1_000_000


@dataclass
class Company:
    """Which turns may begin beside each other in one process."""

    _wished: int = _NO_BOUND  # what waits outside begins only when so few are in hand

    def bound(self, in_hand: Collection[Work]) -> int:
        """How many conversations may be in hand now."""
        return min(self._wished, _bound_of(in_hand))

    def choose(self, begins: Sequence[Work], others: Collection[Work]) -> list[Work]:
        """Those of `begins` that may begin; `others` are in hand already, or have messages to send.

        What was never killed goes first, once; then what was killed least, as long as there is any of that.
        """
        repeated = sorted((work for work in begins if _attempts(work) >= REPEATED), key=_attempts)
        fresh = [work for work in begins if work not in repeated]
        bound = _bound_of(others)
        waited, self._wished = self._wished < _NO_BOUND, _company_of(repeated[0]) if repeated else _NO_BOUND
        if repeated and (waited or not (others or fresh)):
            alike = [work for work in repeated if _company_of(work) == self._wished]
            return alike[: max(0, min(self._wished, bound) - len(others))]
        return fresh[: max(0, bound - len(others))]


def _bound_of(works: Collection[Work]) -> int:
    """What the turns under way allow; one that is charged was begun alone, and stays so."""
    bounds = (
        1 if work.held.is_charged else _COMPANY.get(work.held.attempts - 1, 1)
        for work in works
        if work.turn is not None and work.held.attempts > REPEATED
    )
    return min(bounds, default=_NO_BOUND)


def _company_of(work: Work) -> int:
    return _COMPANY.get(_attempts(work), 1)


def _attempts(work: Work) -> int:
    return int(work.held.events[0].attempts)
