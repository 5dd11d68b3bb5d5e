"""A turn under way: one event of one held conversation, from its reading to what must be committed."""

import json
from dataclasses import replace

from app import actions, begun_by_us, call_document, leaving, turn_results
from app.call_document import CALL_REQUESTS
from app.handled import Outgoing
from app.opting import is_opt_in, is_opt_out
from app.reception import Reception, Start
from app.scene import Scene
from app.turn_results import TurnResult
from flows import wire
from flows.ask import Answer, Request
from flows.effect import LabelConversation, SendMessage
from flows.event import (
    Answered,
    ApiCalled,
    CallerHungUp,
    Happening,
    MessageAccepted,
    MessageDelivered,
    MessageFailed,
    MessageReceived,
    QueueLeft,
    ScheduleDue,
    TimerFired,
    WebhookReceived,
)
from flows.interpreter import Steps, accepts, advance
from flows.limits import Limits
from flows.run import Given, Run, Turn
from flows.values import canonical_json

MOST_CHARGES = 3  # attempts made alone before an event is set aside
_KEPT_IN_A_PAUSE = (TimerFired, MessageAccepted, MessageDelivered, MessageFailed, WebhookReceived)


class TurnUnderWay:
    """Feeds the first event of a held conversation to whoever it belongs to.

    `start()` and `answer()` return the request that must be answered next, or None when `handled` is complete.
    """

    def __init__(self, scene: Scene, steps: Steps, limits: Limits) -> None:
        """Nothing happens before `start`."""
        self.scene, self.steps, self.limits = scene, steps, limits
        self.held = scene.held
        self.handled = turn_results.unchanged(scene.held)
        self._reception = Reception(steps, limits)
        self.run_before: Run | None = None
        self.turn: Turn | None = None
        self.answers: list[Given] = []
        self._last_ask: Request | None = None
        self.version_id = scene.held.version_id
        self.joined: list[int] = []  # further events that are handled with the first

    def start(self) -> Request | None:
        """Handles the event as far as the first Ask."""
        first = self.held.events[0]
        self.handled.done.append(first.id)
        if self.held.charged >= MOST_CHARGES:
            actions.set_aside(self.handled, self.held, f"{first.kind} failed {MOST_CHARGES} times")
            self._document_if_asked()
            return None
        data = json.loads(first.happened)
        if first.kind.startswith("agent_"):
            return self._agent(first.kind, data)
        if first.kind == "message_status":
            return self._status(data)
        happened: Happening = wire.from_data(Happening, data)
        match happened:
            case MessageReceived():
                return self._message(happened)
            case ApiCalled() | ScheduleDue():
                return self._begin_from_our_side(happened)
            case CallerHungUp():
                self.handled.call_ended = True
        if first.kind == "timer_fired" and not actions.is_our_timer(self.held):
            self.handled.done.remove(first.id)
            self.handled.dropped.append(first.id)
            return None
        if first.kind == "call_started":
            return self._begin_call(happened)
        return self._tell_run(turn_results.unsent_question(self.held) or happened)

    def answer(self, n: int, answer: Answer) -> Request | None:
        """Goes on with the answer to the n-th Ask."""
        if self.turn is None or self.run_before is None:
            raise ValueError("No Ask is open.")
        self.answers.append(Given(n, answer))
        self._last_ask, self.scene = self.turn.ask, self.scene.after(answer)
        event = replace(self.event, happened=Answered(n, answer))
        return self._took(advance(self.scene.flows, self.turn.run, event, self.limits, self.steps))

    @property
    def asks_as(self) -> tuple[int, int, int]:
        """The journal's key of the open Ask: run, turn, n."""
        if self.turn is None or self.turn.run.open_turn is None:
            raise ValueError("No Ask is open.")
        return int(self.turn.run.id), self.turn.run.turn, self.turn.run.open_turn.n

    def join(self, event_ids: list[int], texts: list[str], media: list[object]) -> None:
        """Takes further messages into the first event."""
        self.joined = event_ids
        first = self.held.events[0]
        data = {**json.loads(first.happened), "text": "\n".join(texts), "media": media}
        self._joined_happened = canonical_json(data)

    def _tell_run(self, happened: Happening) -> Request | None:
        run = self.held.run
        if actions.is_paused(self.scene, run) and isinstance(happened, _KEPT_IN_A_PAUSE):
            self._keep()
        elif run is not None and self._accepts(run, happened):
            return self._advance(run, happened)
        elif isinstance(happened, MessageFailed):
            actions.note_failed_message(self.handled, self.scene, happened)
        elif isinstance(happened, WebhookReceived):
            self.handled.returned.append(self.held.events[0].id)
        else:
            self._document_if_asked()
        return None

    # which run gets it: rules (0) to (5) of DESIGN §4

    def _message(self, happened: MessageReceived) -> Request | None:
        if self.joined:
            happened = wire.read(MessageReceived, self._joined_happened)
            self.handled.done += self.joined
        run = self.held.run
        if self.scene.channel.opts_out and is_opt_out(happened.text):
            self._opt_out(run)
            return None
        if self.held.row.opted_out_at is not None and is_opt_in(happened.text):
            self.handled.opted_out = False
        if self.held.row.owner == "people":
            return None
        if self.held.floods:
            actions.pause(self.handled, self.scene)
            return None
        self.event = self.scene.event(happened)
        expected = run is not None or self.held.asked_by > 0
        interrupting = self._reception.starts(self.scene, self.event, "messages", interrupting=expected)
        if expected and interrupting is None:
            return self._expected(run, happened)
        actions.interrupt(self.handled, self.held)
        if interrupting is None:
            actions.give_to_people(self.handled, self.scene, "no flow answers")
        return self._begin(interrupting, happened)

    def _expected(self, run: Run | None, happened: MessageReceived) -> Request | None:
        if run is None:
            actions.pass_on(self.handled, self.held, happened)
        elif self._accepts(run, happened):
            return self._advance(run, happened)
        else:
            self._keep()
        return None

    def _keep(self) -> None:
        self.handled.kept, self.handled.done = self.handled.done, []

    def _opt_out(self, run: Run | None) -> None:
        confirmation = actions.opt_out(self.handled, self.scene, run)
        if confirmation is not None:
            self.handled.messages.append(self._outgoing(f"event/{self.held.events[0].id}", confirmation))

    def _begin_from_our_side(self, happened: ApiCalled | ScheduleDue) -> Request | None:
        event = self.scene.event(happened)
        return self._begin(begun_by_us.start(self.handled, self.scene, self._reception, event), happened)

    def _begin(self, start: Start | None, happened: Happening) -> Request | None:
        if start is None:
            return None
        self.version_id = start.version_id
        return self._advance(start.run, happened)

    def _begin_call(self, happened: Happening) -> Request | None:
        start = self._reception.starts(self.scene, self.scene.event(happened), "calls", interrupting=False)
        if start is None:
            actions.refuse_call(self.handled, self.scene)
        return self._begin(start, happened)

    def _agent(self, kind: str, data: dict[str, object]) -> Request | None:
        """Agents act by the same inbox: a reply while the flow has the conversation takes it over."""
        run = self.held.run
        if kind == "agent_closed":
            self.handled.leaves = "done"
            if data.get("result"):
                self.handled.labels.append(LabelConversation(result=str(data["result"])))
            if run is not None and run.in_queue:
                return self._advance(run, QueueLeft("closed", str(data.get("result", ""))))
            actions.close(self.handled, self.scene, run)
            return None
        actions.take_over(self.handled, self.scene, run)
        if kind == "agent_replied":
            outgoing = self._outgoing(f"event/{self.held.events[0].id}", SendMessage(str(data.get("text", ""))))
            actions.reply(self.handled, outgoing)
        if run is not None and run.in_queue and self.held.row.entry_state == "waiting":
            return self._advance(run, QueueLeft("assigned"))  # its limit was on waiting for somebody
        return None

    def _status(self, data: dict[str, object]) -> Request | None:
        self.handled.reports.append(data)
        key, run = str(data.get("effect_key", "")), self.held.run
        if data.get("rank") in (6, 7) and run is not None:
            delivered = MessageDelivered(key)
            if actions.is_paused(self.scene, run):
                self.handled.follow_ups.append(turn_results.follow_up(delivered))
            elif self._accepts(run, delivered):
                return self._advance(run, delivered)
        return None

    def _accepts(self, run: Run, happened: Happening) -> bool:
        """News of a message, or a webhook, is for the run only while it waits for that very one."""
        awaited = run.waiting.keep if run.waiting else {}
        names: dict[str, object] = {"effect": getattr(happened, "effect", None)}
        if isinstance(happened, WebhookReceived):
            connection = awaited.get("connection") and happened.connection  # either may be older than this name
            names = {"webhook": happened.key, "connection": connection or None}
        is_meant = all(name is None or awaited.get(of) == name for of, name in names.items())
        return is_meant and accepts(run, happened)

    def _advance(self, run: Run, happened: Happening) -> Request | None:
        self.event = self.scene.event(happened)
        self.run_before = run
        return self._took(advance(self.scene.flows, run, self.event, self.limits, self.steps))

    def _took(self, turn: Turn) -> Request | None:
        self.turn = turn
        if turn.ask is not None:
            return turn.ask
        if self.run_before is not None:
            asked = (tuple(self.answers), self._last_ask, self.limits)
            result = TurnResult(self.scene, self.version_id, self.run_before, self.event, *asked)
            turn_results.write(self.handled, result, turn, self._outgoing)
        return None

    def _document_if_asked(self) -> None:
        """The carrier waits for a document even where no run has anything to say."""
        if self.held.events[0].kind in CALL_REQUESTS and self.handled.document is None and self.turn is None:
            call_document.render(self.handled, self.scene, [], run_goes_on=self.handled.run_id is not None)

    def _outgoing(self, key: str, message: SendMessage) -> Outgoing:
        # Whoever opts out in this very turn still gets the confirmation, whoever opts in again their answer.
        opted_out = self.held.row.opted_out_at is not None and self.handled.opted_out is not False
        return leaving.outgoing(self.scene, key, message, opted_out=opted_out)
