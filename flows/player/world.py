"""What is around a played flow: addresses that answer, messages that arrive, and what a person typed too early."""

from collections.abc import Iterable, Mapping

from flows.ask import (
    Answer,
    CalendarState,
    CalendarStateAnswer,
    FlowVersionAnswer,
    HttpRequest,
    QueueState,
    QueueStateAnswer,
    Way,
    WaysToContact,
    WaysToContactAnswer,
)
from flows.effect import SendMessage
from flows.event import Answered, Happening, MessageAccepted, MessageDelivered, MessageFailed, MessageReceived
from flows.interpreter import accepts
from flows.run import Run, Turn


class World:
    """Prepared answers by step, answers typed ahead, and the fate of messages."""

    def __init__(self, answers: Mapping[str, Iterable[Answer]]) -> None:
        self.next_answers: list[Answer] = []  # typed
        self.kept: list[MessageReceived] = []  # messages nobody expected yet
        self.choices: dict[str, str] = {}  # labels on offer and their ids
        self.failure = ""  # the error kind that the next message shall fail with
        self._answers = {step: list(given) for step, given in answers.items()}
        self._last_message = ""  # its effect's key

    def begin_anew(self) -> None:
        """Forget the run before."""
        self.kept, self.choices, self._last_message = [], {}, ""

    def note(self, turn: Turn) -> None:
        """Keep what a turn that is over sent."""
        for index, effect in enumerate(turn.effects):
            if isinstance(effect, SendMessage):
                self._last_message = f"{turn.run.id}/{turn.run.turn - 1}/{index}"
                self.choices = {choice.label: choice.id for choice in effect.choices}

    def answer(self, run: Run) -> Answered | None:
        """The answer to the open Ask; None when a person has to give it."""
        opened = run.open_turn
        if opened is None:
            return None
        prepared = self._answers.get(run.stack[-1].step)
        if isinstance(opened.request, HttpRequest):
            given = prepared or self.next_answers
            return Answered(opened.n, given.pop(0)) if given else None
        if prepared and isinstance(opened.request, CalendarState | QueueState):
            return Answered(opened.n, prepared.pop(0))
        if isinstance(opened.request, CalendarState):
            return Answered(opened.n, CalendarStateAnswer(exists=True, state="open"))
        if isinstance(opened.request, QueueState):
            return Answered(opened.n, QueueStateAnswer(exists=True))
        if isinstance(opened.request, WaysToContact):
            return Answered(opened.n, WaysToContactAnswer(tuple(Way(name) for name in opened.request.numbers)))
        return Answered(opened.n, FlowVersionAnswer("", "The player knows this one flow only."))

    def follows(self, run: Run) -> Happening | None:
        """What happens next without the person: messages leave and arrive, and kept ones are read."""
        if run.waiting is None:
            return None
        if self._last_message:
            if self.failure and "failed" in run.waiting.accepts:
                kind, self.failure = self.failure, ""
                return MessageFailed(self._last_message, kind, "You said so.")
            if "accepted" in run.waiting.accepts:
                return MessageAccepted(self._last_message)
            if "delivered" in run.waiting.accepts:
                return MessageDelivered(self._last_message)
        if self.kept and accepts(run, self.kept[0]):
            return self.kept.pop(0)
        return None
