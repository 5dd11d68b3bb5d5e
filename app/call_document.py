"""The voice document of a turn: what the caller hears next, rendered when the carrier waits for it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from app.channels.contract import CallPlace
from app.db import from_microseconds
from app.handled import FollowUp, Handled
from app.scene import Scene
from flows import wire
from flows.effect import Dial, Gather, HangUp, Play, Reject, Verb
from flows.event import CallerHungUp
from flows.hanging_up import must_hang_up
from flows.run import Run
from flows.values import canonical_json

AnyVerb = TypeVar("AnyVerb", bound=Verb)
CALL_REQUESTS: Final = ("call_started", "keys_pressed", "call_polled", "dial_ended", "recorded")
"""The kinds of events with which a carrier waits for a document."""


def render(handled: Handled, scene: Scene, verbs: Sequence[Verb], *, run_goes_on: bool) -> None:
    """The voice document when the carrier waits for one; else the verbs wait for its next request."""
    held = scene.held
    if held.row.kind != "call":
        return
    asked = held.events[0].kind in CALL_REQUESTS
    if not asked:
        if verbs and not handled.call_ended:
            handled.pending_verbs = canonical_json([*json.loads(handled.pending_verbs), *map(wire.to_data, verbs)])
        return
    told = [*(wire.from_data(Verb, data) for data in json.loads(handled.pending_verbs)), *verbs]
    said = [*_addressed(told, scene)]
    if not run_goes_on and not (said and isinstance(said[-1], HangUp | Reject | Dial)):
        said.append(HangUp())
    handled.pending_verbs = "[]"
    handled.call_turn += 1
    place = CallPlace(
        call_id=held.row.call_id,
        next_turn=handled.call_turn,
        number=scene.number.value,
        caller=held.row.address,
        language=scene.facts().language,
    )
    document = scene.channel.render(scene.connection, said, place)
    handled.document = (held.events[0].provider_id, document.text, document.media_type)


def _addressed(verbs: Iterable[AnyVerb], scene: Scene) -> Iterator[AnyVerb]:
    """The verbs with an address for each stored sound; one that is none is left out. It is signed only here, for the
    carrier that waits: no record, no trace and no replay holds one. It opens for longer than a call may last."""
    for verb in verbs:
        if isinstance(verb, Gather):
            yield replace(verb, prompts=tuple(_addressed(verb.prompts, scene)))
        elif isinstance(verb, Play) and not verb.url:
            if verb.file_id.isdecimal() and len(verb.file_id) < 19:
                at = from_microseconds(scene.held.event_now)
                yield replace(verb, url=scene.file_address(int(verb.file_id), at))
        else:
            yield verb


def end_late(handled: Handled, run: Run) -> None:
    """A call whose end a step has held back (a recording was still to come) ends for the flow by a further event."""
    if must_hang_up(run):
        key = f"left/{run.id}/{run.turn}"
        handled.follow_ups.append(FollowUp(key, wire.kind_of(CallerHungUp), wire.write(CallerHungUp())))
