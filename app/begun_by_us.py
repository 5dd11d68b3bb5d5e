"""Runs that begin from our side, by the API and by schedules: which trigger, and what if somebody has the contact.

What begins a run is an event in the inbox like any other (RELIABILITY §2), so that it begins exactly once. Where
another run is under way, the placed trigger says what happens; an event that waits for its end is `queued` and comes
back when nobody has the conversation any more.
"""

from dataclasses import replace
from typing import Final

from app.actions import interrupt
from app.handled import Handled, Trouble
from app.reception import Reception, Start
from app.scene import Scene
from flows.event import ApiCalled, Event, ScheduleDue

_KINDS: Final = {ApiCalled: "api", ScheduleDue: "schedule"}


def start(handled: Handled, scene: Scene, reception: Reception, event: Event) -> Start | None:
    """The run that may begin now, or None: then `handled` says what becomes of the event."""
    happened = event.happened
    if not isinstance(happened, ApiCalled | ScheduleDue):
        raise TypeError(f"No run begins from our side by a {type(happened).__name__}.")
    found = reception.starts(_of_its_flow(scene, happened), event, _KINDS[type(happened)], interrupting=False)
    if found is None:
        sentence = "The flow is not live here any more, or its trigger does not take this input any more."
        handled.problems.append(Trouble("not_started", sentence))
    elif isinstance(happened, ScheduleDue) and not _may_be_written_to(scene):
        found = None  # they have changed their mind since the occurrence wrote them down
    elif scene.held.run is not None or scene.held.row.owner == "people":
        found = _beside(handled, scene, found)
    if found is None:
        _leave(handled, scene)
    elif isinstance(happened, ScheduleDue):
        found = replace(found, run=replace(found.run, quiet_hours=happened.quiet_hours))
    return found


def _of_its_flow(scene: Scene, happened: ApiCalled | ScheduleDue) -> Scene:
    """The same with the triggers of the flow that is meant."""
    step = happened.step if isinstance(happened, ScheduleDue) else ""
    meant = [row for row in scene.held.triggers if row.flow_id == happened.flow and step in ("", row.step)]
    return replace(scene, held=replace(scene.held, triggers=meant))


def _may_be_written_to(scene: Scene) -> bool:
    row = scene.held.row
    return row.consent == "given" and (row.opted_out_at is None or not scene.channel.opts_out)


def _beside(handled: Handled, scene: Scene, found: Start) -> Start | None:
    """What the placed trigger says about a run under way; nothing is taken from people."""
    placed = scene.flows[str(found.version_id)].steps[found.run.stack[0].step]
    when_busy = placed.config.get("when_busy", "queue" if placed.type == "schedule" else "reject")
    if when_busy == "reject":
        sentence = "The contact was in another run or with people, so none was started."
        handled.problems.append(Trouble("already_running", sentence, placed.id, found.version_id))
        return None
    if when_busy == "replace" and scene.held.run is not None and scene.held.row.owner != "people":
        interrupt(handled, scene.held)
        return found
    handled.queued, handled.done = handled.done, []
    return None


def _leave(handled: Handled, scene: Scene) -> None:
    """A conversation that was opened only for this is nobody's."""
    if scene.held.run is None and handled.owner != "people":
        handled.owner, handled.state = "none", "closed"
