"""The page of a run as pictures show it: waiting, failed, done, with nothing yet, and with far too much."""

from collections.abc import Sequence
from typing import Any, Final

from playwright.sync_api import Page

from app.models import Number
from tests.browser.live_chat import Server
from tests.browser.people_scenes import LONG_NAME, Scene, signed_in
from tests.chat_house import ChatHouse
from tests.recorded_runs import Entry, RecordedRun, visit

NAMES: Final = {
    "in": "A message comes in",
    "look": "Loyalty status",
    "tier": "Which tier?",
    "ask": "Ask for the order",
    "tell": "Tell the team",
    "say": "Answer",
}
BEGINNING: Final[Sequence[Entry]] = (
    visit("in", "next"),
    visit("look", "success", asks=[{"answer": {"attempts": 2}}]),
    visit("tier", "gold"),
    visit("tell", waits={}),
)
LONG_SENTENCE: Final = (
    "crm.konstantynopolitanczykowianeczka.example.com answered with status 503 to GET https://crm.example.com/"
    "customers/%2B48600100200/Donaudampfschifffahrtsgesellschaftskapitänsmützenbestellung: look whether it is there."
)


def open_run(page: Page, chat: ChatHouse, server: Server, recorded: RecordedRun) -> None:
    """Writes a run and opens its page."""
    signed_in(page, chat, server)
    with chat.house.database.transaction() as session:
        run = recorded.write(session, session.get_one(Number, chat.number_id))
    page.goto(f"{server.address}/runs/{run}")


def run_waiting(page: Page, chat: ChatHouse, server: Server) -> None:
    """It has told the team, and asked."""
    turns = (BEGINNING, (visit("tell", "success", came_by="message_accepted"), visit("ask", waits={})))
    open_run(page, chat, server, RecordedRun("VIP messages", NAMES, turns))


def run_failed(page: Page, chat: ChatHouse, server: Server) -> None:
    """Another system is away."""
    turns = (BEGINNING[:1], (failing("look", "crm.example.com did not answer within 10 s.", 3),))
    open_run(page, chat, server, RecordedRun("VIP messages", NAMES, turns, "failed"))


def run_done(page: Page, chat: ChatHouse, server: Server) -> None:
    """It came to its end."""
    turns = (BEGINNING, (visit("tell", "success"), visit("say", "success")))
    open_run(page, chat, server, RecordedRun("VIP messages", NAMES, turns, "completed"))


def run_empty(page: Page, chat: ChatHouse, server: Server) -> None:
    """Nothing is recorded yet."""
    open_run(page, chat, server, RecordedRun("VIP messages", NAMES, contact="", accepts=("accepted", "failed")))


def run_overfull(page: Page, chat: ChatHouse, server: Server, steps: int = 500) -> None:
    """Five hundred steps with names of sixty letters, and sentences as long as a letter."""
    names = {f"s{n}": f"{LONG_NAME} {n}" for n in range(steps)}
    turns = [[visit(f"s{n}", f"nicht_gefunden_{n}", asks=[{"answer": {"attempts": 5}}])] for n in range(steps - 1)]
    turns.append([failing(f"s{steps - 1}", LONG_SENTENCE, 5)])
    flow, phone = f"{LONG_NAME} 2026", "+48600100299"
    open_run(page, chat, server, RecordedRun(flow, names, turns, "failed", contact=LONG_NAME, phone=phone))


def failing(step: str, sentence: str, attempts: int) -> Entry:
    """A visit that failed after so many requests."""
    failure: dict[str, Any] = {"kind": "timeout", "message": sentence, "retryable": True}
    return visit(step, "failure", failure=failure, asks=[{"answer": {"attempts": attempts}}])


SCENES: Final[dict[str, Scene]] = {
    "run-waiting": run_waiting,
    "run-failed": run_failed,
    "run-done": run_done,
    "run-empty": run_empty,
    "run-overfull": run_overfull,
}
