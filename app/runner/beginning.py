"""The beginning of a turn: everything it needs is gathered once, before the engine runs."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.asking import Asking
from app.directory import Directory
from app.joining import join
from app.runner.work import Work
from app.scene import set_scene
from app.turns import TurnUnderWay
from flows.errors import FlowError
from flows.interpreter import Steps
from flows.limits import Limits


@dataclass(frozen=True)
class Beginning:
    """What every turn of this process has in common."""

    directory: Directory
    steps: Steps
    limits: Limits

    def prepare(self, session: Session, work: Work) -> None:
        """Gives the work its turn. Raises: whatever is wrong with what one conversation needs."""
        if work.held.broken:
            raise FlowError(work.held.broken)
        scene = set_scene(session, work.held, self.directory)
        work.turn = TurnUnderWay(scene, self.steps, self.limits)
        work.asking = Asking(work.held.journal)
        joined = join(work.held)
        if joined is not None and joined.event_ids:
            work.turn.join(list(joined.event_ids), list(joined.texts), list(joined.media))
