"""Flows that go round without ever waiting, and a robot that answers our answers."""

import time
from collections.abc import Sequence
from dataclasses import replace

from app import publishing
from app.publishing import NotPublishable, Order
from app.wiring import build_house, leave_house
from flows import document
from flows.document import Flow
from tests.app.drawn import Step, drawn, placed, sends, starts_with
from tests.faults.driver import message_request, phone_of, signed_request
from tests.faults.echo_flow import NUMBER
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.installation import ACCOUNT, OURS
from tests.faults.keeper import wait_for
from tests.faults.site import Site, SitePlan, open_site
from tests.faults.tables import number, rows, write
from tests.faults.traffic import end_consistent
from tests.faults.webhooks import ask_all

NAME = "endless-flows"
PROMISE = (
    "A flow that goes round for ever is not published; if one runs all the same, it is stopped and the circle named."
)
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")
ALONE = True

_EACH = 10
_MOST_SECONDS = 2.0
_CIRCLES = {"self": "again → again", "pair": "there → here → there"}
_STOPPED = "SELECT message, created_at FROM problems WHERE kind = 'loop_detected' ORDER BY id"
_ROBOT_MOST = 20  # MESSAGES_PER_MINUTE


def run(database: DatabaseKind, seed: int) -> Figures:
    """A step that leads to itself, two that lead to each other, and two robots."""
    figures = Figures()
    with open_site(SitePlan([_flow(ends=True)], database, seed=seed)) as site:
        _refuse(site, figures)
        write(site.settings, "UPDATE versions SET document = :endless", endless=document.write(_flow(ends=False)))
        for name, circle in _CIRCLES.items():
            seconds = [_stopped_after(site, name, circle, n) for n in range(_EACH)]
            figures.values[f"{name}_stopped_and_named"] = len(seconds)
            figures.values[f"{name}_slowest_s"] = round(max(seconds), 2)
            figures.expect(max(seconds) < _MOST_SECONDS, f"The circle {circle} went round for too long.")
        _two_robots(site, figures)
        return end_consistent(figures, site)


def _flow(*, ends: bool) -> Flow:
    def sets(target: str) -> Step:
        variables = [{"name": "rounds", "value": "1"}]
        return placed("set_variable", {"variables": variables}, next="end" if ends else target, failure="end")

    steps = {
        "one": starts_with(NUMBER, "again", "self"),
        "two": starts_with(NUMBER, "here", "pair"),
        "rest": starts_with(NUMBER, "echo"),
        "echo": sends("echo {{ message.text }}"),
        "again": sets("again"),
        "here": sets("there"),
        "there": sets("here"),
    }
    return document.from_data(drawn("Endless" if not ends else "Short", steps))


def _refuse(site: Site, figures: Figures) -> None:
    house = build_house(replace(site.settings, redis_url=""))
    try:
        with house.database.transaction() as session:
            draft = publishing.create(session, _flow(ends=False), "fault run")
            row = publishing.find_flow(session, draft.name, locked=True)
            publishing.publish(session, house, row, draft.revision, Order("fault run"))
        said = ""
    except NotPublishable as problem:
        said = str(problem)
    finally:
        leave_house(house)
    figures.values["refused_at_publishing_naming"] = said.partition(": ")[2].partition(". ")[0]
    figures.expect("→" in said, "An endless flow was published.")


def _stopped_after(site: Site, name: str, circle: str, n: int) -> float:
    """The seconds from the message's 200 until the run was stopped and the circle named."""
    before = len(rows(site.settings, _STOPPED))
    contact = phone_of(n + (0 if name == "self" else _EACH))
    answer = ask_all(site.ports["web"], [_message(site, contact, name, n)])[0]
    wait_for(f"the circle {circle} is stopped", lambda: len(rows(site.settings, _STOPPED)) > before, 30)
    said, at = rows(site.settings, _STOPPED)[-1]
    if circle not in said:
        raise RuntimeError(f"The problem names another circle: {said}")
    return max(0.0, int(at) / 1_000_000 - answer.at)


def _message(site: Site, contact: str, text: str, n: int) -> bytes:
    pairs = [("MessageSid", f"SM{contact[1:]}{n:021d}"), ("AccountSid", ACCOUNT), ("From", contact), ("To", OURS)]
    return signed_request(site.ports["web"], "messages", [*pairs, ("Body", text), ("NumMedia", "0")], keep=False)


def _two_robots(site: Site, figures: Figures) -> None:
    """A contact that is a robot sends back whatever it gets; the worker runs with its ordinary limit again."""
    worker = site.keeper.kept["worker-1"]
    environment = {**worker.command.environment, "MESSAGES_PER_MINUTE": str(_ROBOT_MOST)}
    worker.command = replace(worker.command, environment=environment)
    worker.stop()
    worker.look()
    robot, port, answered = phone_of(2 * _EACH), site.ports["web"], 0
    ask_all(port, [message_request(port, robot, 1)])
    while not number(site.settings, "SELECT count(*) FROM queue_entries WHERE state = 'waiting' AND reason LIKE :why",
                     why="too many messages%") and answered < 3 * _ROBOT_MOST:  # fmt: skip
        lines = [line for line in site.provider_log.read().lines if line["to"] == robot]
        if len(lines) > answered:
            answered += 1
            ask_all(port, [message_request(port, robot, answered + 1)])
        time.sleep(0.01)
    figures.values["robot_messages_until_people_have_it"] = answered + 1
    figures.expect(answered <= _ROBOT_MOST + 1, "Two robots talked for too long.")
