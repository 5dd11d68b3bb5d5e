"""How what happens in a test is acted out in its simulated conversation."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from flows.event import Attachment, FlowCalled, Happening, MessageReceived, ScheduleDue, WebhookReceived
from flows.player.answers import answer_of, read_answer
from flows.player.moves import Move
from flows.player.simulation import Simulation
from flows.player.surroundings import NOTHING, TAKEN
from flows.values import from_plain

Action = Callable[[Simulation], Iterator[Move]]
Data = Mapping[str, Any]

TO_THE_LIMIT: Final = "to the time limit"
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def happens(happened: Happening) -> Action:
    """Just that."""
    return lambda simulation: simulation.happen(happened)


def message(data: Data) -> Action:
    """The contact writes."""
    media = tuple(Attachment(**item) for item in data.get("media", ()))
    written = MessageReceived(data["message"], media, data.get("choice", ""))

    def act(simulation: Simulation) -> Iterator[Move]:
        """Who writes the label of a button presses it, as in the chats that have buttons."""
        pressed = next(
            (
                choice
                for label, choice in simulation.state.choices.items()
                if not media and written.text.strip().casefold() in {label.casefold(), choice.casefold()}
            ),
            "",
        )
        return simulation.happen(replace(written, choice=written.choice or pressed))

    return act


def passes(data: Data) -> Action:
    """Time passes."""
    text = data["passes"]
    if text == TO_THE_LIMIT:
        return lambda simulation: simulation.pass_time(None)
    seconds = float(re.sub(r"[ smhd]", "", text)) * _UNITS[text[-1]]
    return lambda simulation: simulation.pass_time(seconds)


def fate(data: Data) -> Action:
    """What becomes of the next message."""
    word: str = data["next_message"]
    becomes = {"delivered": "", "accepted": TAKEN, "nothing": NOTHING}.get(word, word)

    def act(simulation: Simulation) -> Iterator[Move]:
        simulation.state = replace(simulation.state, fate=becomes)
        return iter(())

    return act


def answer(data: Data) -> Action:
    """Another system answers. Raises: FlowError."""
    given = data["answer"]
    read = read_answer(given) if isinstance(given, str) else answer_of(given)
    return lambda simulation: simulation.answer(read)


def webhook(data: Data) -> Action:
    """The key is that of the present wait; one that comes before it is for any."""
    told = from_plain(data["webhook"])

    def act(simulation: Simulation) -> Iterator[Move]:
        waiting = simulation.run.waiting if simulation.run else None
        key = waiting.keep.get("webhook", "") if waiting else ""
        return simulation.happen(WebhookReceived(str(key), told))

    return act


def schedule(data: Data) -> Action:
    """A schedule is due, by the clock of the conversation."""
    return lambda simulation: simulation.happen(ScheduleDue(0, data["schedule"], simulation.state.clock))


def of_latest(made: Callable[[str], Happening]) -> Action:
    """News of the latest message, made of its key."""
    return lambda simulation: simulation.happen(made(simulation.state.sent))


def called(data: Data) -> FlowCalled:
    """Another flow runs this one. Raises: FlowError."""
    inputs = {name: from_plain(value) for name, value in data["called"].items()}
    return FlowCalled(inputs, data.get("medium", ""), data.get("latest_message", ""))
