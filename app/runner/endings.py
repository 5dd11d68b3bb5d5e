"""How turns end: whatever is finished is committed together, and what cannot be is charged."""

import logging
from collections.abc import Sequence

from sqlalchemy.exc import OperationalError, StatementError

from app.handled import Unsent
from app.house import House
from app.locks import Locks
from app.points import point
from app.runner.deliveries import Deliveries
from app.runner.letters import Letters
from app.runner.work import Work, Works
from app.store import setbacks
from app.store.commits import commit

logger = logging.getLogger("patchbay.runner")


class Endings:
    """Commits the finished turns of `works` in groups, and hands on what may leave then."""

    def __init__(self, house: House, locks: Locks, works: Works, deliveries: Deliveries, letters: Letters) -> None:
        """Nothing is committed yet."""
        self._house, self._locks, self._works = house, locks, works
        self._deliveries, self._letters = deliveries, letters

    def commit(self) -> None:
        """Commits what is finished."""
        ready = [work for work in self._works.values() if work.finished is not None]
        if not ready:
            return
        self._locks.require()
        point("commit:before")
        if not self._try_commit(ready):
            # One bad turn spoils its group: each is tried alone, and the culprit is charged.
            for work in ready:
                self._try_commit([work], charged=True)
        point("commit:after")

    def charge(self, work: Work, error: BaseException) -> None:
        """Abandons a turn that broke: its event has its back-off, and a bound to how often it is tried."""
        with self._house.database.transaction() as session:
            setbacks.charge(session, work.held, f"{type(error).__name__}: {error}"[:500])
        work.forget_turn()
        work.reload = False

    def _try_commit(self, ready: Sequence[Work], *, charged: bool = False) -> bool:
        group = [work.finished for work in ready if work.finished is not None]
        self._deliveries.offer(ready)
        marked_at = self._house.machine.monotonic()
        try:
            survivors, unsent = self._house.database.retried(lambda session: commit(session, group))
        except OperationalError:
            raise  # the connection is gone and the locks may be: the process ends
        except (StatementError, TypeError, ValueError) as error:
            if charged:
                logger.exception("The turn of conversation %s cannot be stored.", ready[0].held.id)
                self.charge(ready[0], error)
            return False
        changed = [one.conversation_id for one in group if one.messages_changed and one.conversation_id in survivors]
        self._house.lanes.announce(*changed)
        if any(one.letters for one in group):
            self._letters.hurry()
        for work in ready:
            _committed(work, survivors, unsent, marked_at)
        return True


def _committed(work: Work, survivors: set[int], unsent: Sequence[Unsent], marked_at: float) -> None:
    handled = work.finished
    work.forget_turn()
    if handled is None or handled.conversation_id not in survivors:
        work.unsent = []  # somebody else has taken the conversation over
        return
    if not work.line_stands:
        work.unsent += [one for one in unsent if one.conversation_id == handled.conversation_id]
        if work.unsent and handled.first_recheck_seconds and work.unsent[0].state == "sending":
            work.marked_at = marked_at
    if handled.cancels:
        work.unsent, work.reload = [], True  # which of them were cancelled is read again
    taken = len(handled.done) + len(handled.dropped) + len(handled.kept) + len(handled.set_aside)
    released = handled.releases_kept and work.held.row.has_kept
    work.reload |= bool(len(work.held.events) > taken or handled.follow_ups or released)
