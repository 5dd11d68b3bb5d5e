"""How many turns may be under way beside one of an event whose earlier attempts were killed.

A kill counts against everything that was under way, innocents too. What was begun before begins in ever smaller
company: so innocents of a few kills get away together, and only what fails by itself is found, alone, and charged.
Who must be alone waits until the process has lived for a while: in a storm of kills it would else always begin first,
and be charged for what others do.
Messages on their way are no company, or one that takes 20 s would hold up everything: they have a count of their own,
and only one of which an earlier process may have died is kept away from who is charged.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.runner.work import Work

REPEATED = 2  # so many attempts may be anybody's kills: only from then on is company limited
_COMPANY = {2: 16, 3: 4}  # attempts so far -> turns under way at most, itself included; one beyond
MOST = _COMPANY[REPEATED]
ALONE = max(_COMPANY) + 1  # attempts from which on nobody else is beside it
SETTLED_SECONDS = 2.0  # a process younger than that begins none of them
_NO_BOUND = 1_000_000


@dataclass
class Company:
    """Which turns may begin beside each other in one process."""

    _wished: int = _NO_BOUND  # what waits outside begins only when so few turns are under way

    def room(self, under_way: Collection[Work]) -> int:
        """How many turns may be added now."""
        return max(0, min(self._wished, _bound_of(under_way)) - len(under_way))

    def choose(self, begins: Sequence[Work], others: Collection[Work], *, settled: bool) -> list[Work]:
        """Those of `begins` that may begin beside the `others`, which are under way.

        What was never killed goes first, once; then what was killed least, as long as there is any of that.
        """
        begins = [work for work in begins if settled or _attempts(work) < ALONE]
        repeated = sorted((work for work in begins if _attempts(work) >= REPEATED), key=_attempts)
        fresh = [work for work in begins if work not in repeated]
        bound = _bound_of(others)
        waited, self._wished = self._wished < _NO_BOUND, _company_of(repeated[0]) if repeated else _NO_BOUND
        if repeated and (waited or not (others or fresh)):
            alike = [work for work in repeated if _company_of(work) == self._wished]
            return alike[: max(0, min(self._wished, bound) - len(others))]
        return fresh[: max(0, bound - len(others))]


def _bound_of(under_way: Collection[Work]) -> int:
    """What the turns under way allow; one that is charged was begun alone, and stays so."""
    bounds = (
        1 if work.held.is_charged else _COMPANY.get(work.held.attempts - 1, 1)
        for work in under_way
        if work.held.attempts > REPEATED
    )
    return min(bounds, default=_NO_BOUND)


def _company_of(work: Work) -> int:
    return _COMPANY.get(_attempts(work), 1)


def _attempts(work: Work) -> int:
    return int(work.held.events[0].attempts)
