"""Flows that go round without ever waiting, and a robot that answers our answers."""

import time
from collections.abc import Sequence
from dataclasses import replace

from app import publishing
from app.house import House
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
_CIRCLES = {
    "self": "again → again",
    "pair": "there → here → there",
    "called itself": "“Alone” → “Alone”",
    "called pair": "“Here” → “There” → “Here”",
    "called round": "Plain: begin → round",
}
_CALLED = ("Alone", "There", "Here", "Plain")  # There before Here, which runs it
_STOPPED = "SELECT message, created_at FROM problems WHERE kind IN ('loop_detected', 'depth_exceeded') ORDER BY id"
_REPLACE = "UPDATE versions SET document = :endless WHERE flow_id = (SELECT id FROM flows WHERE name = :name)"
_ROBOT_MOST = 20  # MESSAGES_PER_MINUTE


def run(database: DatabaseKind, seed: int) -> Figures:
    """A step that leads to itself, two that lead to each other, flows that run each other, and two robots."""
    figures = Figures()
    flows = [*map(_called, _CALLED), _flow(ends=True)]
    with open_site(SitePlan(flows, database, seed=seed)) as site:
        _refuse(site, figures)
        for flow in (_flow(ends=False), _called("Alone", "Alone"), _called("Here", "There"), _called("There", "Here")):
            name = "Short" if flow.name == "Endless" else flow.name
            write(site.settings, _REPLACE, endless=document.write(flow), name=name)
        for name, circle in _CIRCLES.items():
            seconds = [_stopped_after(site, name, circle, n) for n in range(_EACH)]
            figures.values[f"{name.replace(' ', '_')}_stopped_and_named"] = len(seconds)
            figures.values[f"{name.replace(' ', '_')}_slowest_s"] = round(max(seconds), 2)
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
        "three": starts_with(NUMBER, "run_alone", "called itself"),
        "four": starts_with(NUMBER, "run_here", "called pair"),
        "five": starts_with(NUMBER, "round", "called round"),
        "run_alone": _runs("Alone"),
        "run_here": _runs("Here"),
        "round": _runs("Plain", to="end" if ends else "round"),
        "rest": starts_with(NUMBER, "echo"),
        "echo": sends("echo {{ message.text }}"),
        "again": sets("again"),
        "here": sets("there"),
        "there": sets("here"),
    }
    return document.from_data(drawn("Endless" if not ends else "Short", steps))


def _called(name: str, runs: str = "") -> Flow:
    """A flow that others run; it runs another one, or nothing."""
    steps = {"begin": placed("called_by_flow", {}, next="run" if runs else "end")}
    return document.from_data(drawn(name, {**steps, **({"run": _runs(runs)} if runs else {})}))


def _runs(flow: str, to: str = "end") -> Step:
    return placed("run_flow", {"flow": flow}, completed=to)


def _refuse(site: Site, figures: Figures) -> None:
    """Here runs There, which is allowed; that There then runs Here is not."""
    house = build_house(replace(site.settings, redis_url=""))
    try:
        steps = _refused(house, _flow(ends=False))
        itself = _refused(house, _called("Alone", "Alone"))
        allowed = _refused(house, _called("Here", "There"))
        pair = _refused(house, _called("There", "Here"))
    finally:
        leave_house(house)
    figures.values["refused_at_publishing_naming"] = steps.partition(": ")[2].partition(". ")[0]
    figures.values["refused_flows_naming"] = [
        said.partition("to this one: ")[2].partition(". ")[0] for said in (itself, pair)
    ]
    figures.expect("→" in steps, "An endless flow was published.")
    figures.expect("→" in itself and "→" in pair, "A flow that comes back to itself was published.")
    figures.expect(not allowed, f"A flow that runs another was not published: {allowed}")


def _refused(house: House, flow: Flow) -> str:
    """Why the flow is not published; empty when it is."""
    try:
        with house.database.transaction() as session:
            if not publishing.flow_id_of(session, flow.name):
                publishing.create(session, flow, "fault run")
            row = publishing.find_flow(session, flow.name, locked=True)
            publishing.save(session, row, flow, row.latest_revision, "fault run")
            publishing.publish(session, house, row, 0, Order("fault run"))
    except NotPublishable as problem:
        return str(problem)
    return ""


def _stopped_after(site: Site, name: str, circle: str, n: int) -> float:
    """The seconds from the message's 200 until the run was stopped and the circle named."""
    before = len(rows(site.settings, _STOPPED))
    contact = phone_of(n + _EACH * list(_CIRCLES).index(name))
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
    robot, port, answered = phone_of(len(_CIRCLES) * _EACH), site.ports["web"], 0
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
