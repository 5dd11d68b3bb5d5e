"""Reception: which live trigger a message or call starts, keyword triggers before any (DESIGN §4, rules 2 and 5)."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from app.scene import Scene
from flows.context import Context
from flows.errors import FlowError
from flows.event import Event
from flows.interpreter import Steps, begin
from flows.limits import Limits
from flows.run import Run
from flows.step import Trigger
from flows.todays_config import todays_config


@dataclass(frozen=True)
class Start:
    """A run that may begin: its version, and the run standing on its trigger."""

    version_id: int
    run: Run


@dataclass(frozen=True)
class Reception:
    """Chooses among a number's live triggers, with the steps and limits of this house."""

    steps: Steps
    limits: Limits

    def starts(self, scene: Scene, event: Event, kind: str, *, interrupting: bool) -> Start | None:
        """The best live trigger for the event; with `interrupting`, only keyword triggers that interrupt."""
        found: list[tuple[bool, int, int, int, Start]] = []
        for row in scene.held.triggers:
            by_keyword = row.slot.startswith("keywords")
            if row.kind != kind or (interrupting and not (by_keyword and row.interrupts)):
                continue
            score, start = self._try(scene, event, row)
            if score is not None and start is not None:
                found.append((by_keyword, row.priority, score, -len(found), start))
        return max(found, key=lambda one: one[:4])[4] if found else None

    def _try(self, scene: Scene, event: Event, row: Row[Any]) -> tuple[int | None, Start | None]:
        flow = scene.flows[str(row.version_id)]
        placed = flow.steps.get(row.step)
        step = self.steps.get(placed.type) if placed else None
        if placed is None or not isinstance(step, Trigger) or placed.format > step.format:
            return None, None
        try:
            config = todays_config(step, placed)
        except FlowError:  # a plugin's; as where one breaks that is asked whether it matches
            return None, None
        run = begin(str(row.version_id), flow, row.step, event, event.id)
        context = Context(flow=flow, step=row.step, config=config, run=run, event=event, limits=self.limits)
        return step.matches(config, context), Start(row.version_id, run)
