"""The worker dies at every labelled place of a turn that stands in a called flow, one death for each run."""

from collections import Counter
from collections.abc import Sequence

from flows import document
from flows.document import Flow
from tests.app.drawn import asks, drawn, placed, sends, starts_with
from tests.faults.driver import message_request, phone_of
from tests.faults.echo_flow import API, NUMBER
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.keeper import Kept, children_of, kill, wait_for
from tests.faults.monkey import places
from tests.faults.site import Site, SitePlan, open_site
from tests.faults.tables import number
from tests.faults.traffic import end_consistent, stay
from tests.faults.webhooks import ask_all

NAME = "killed-sub-flows"
PROMISE = (
    "A run that dies inside a called flow goes on there, once: nothing is said twice, and its caller hears the end."
)
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")

_SAID = ("which?", "noted", "done: two")
_PATIENCE_SECONDS = 75.0  # an unanswered send is settled within a minute
_COMPLETED = "SELECT count(*) FROM runs WHERE status = 'ended' AND outcome = 'completed'"


def run(database: DatabaseKind, seed: int) -> Figures:
    """Each contact's run waits in the called flow; the worker that takes its answer dies at one place."""
    figures = Figures()
    wanted = [place.partition(" at ")[2] for place in places() if place.startswith("worker at ")]
    with open_site(SitePlan([_called(), _caller()], database, seed=seed)) as site:
        port, worker = site.ports["web"], site.keeper.kept["worker-1"]
        not_reached = []
        for n, place in enumerate(wanted):
            contact = phone_of(n)
            ask_all(port, [message_request(port, contact, 1)])
            _until_said(site, contact, "which?")
            _arm(worker, place)
            ask_all(port, [message_request(port, contact, 2)])
            _until_said(site, contact, "done: two")
            if worker.crash_file.exists():  # these turns do not come by there
                worker.crash_file.unlink()
                not_reached.append(place)
        stay(site, 2.0)
        told = Counter((line["to"], line["body"]) for line in site.provider_log.read().lines)
        figures.values |= {
            "runs": len(wanted),
            "deaths": len(wanted) - len(not_reached),
            "completed": number(site.settings, _COMPLETED),
            "lost": sum(not told[phone_of(n), said] for n in range(len(wanted)) for said in _SAID),
            "duplicated": sum(count - 1 for count in told.values()),
        }
        figures.expect(figures.values["completed"] == len(wanted), "A run did not come to its end once.")
        figures.expect(not figures.values["lost"], "Something was not said.")
        figures.expect(not figures.values["duplicated"], "Something was said twice.")
        figures.expect(len(not_reached) < len(wanted) // 2, f"Nobody came by these places: {not_reached}.")
        return end_consistent(figures, site)


def _caller() -> Flow:
    outputs = [{"output": "word", "variable": "word"}]
    steps = {
        "in": starts_with(NUMBER, "run"),
        "run": placed("run_flow", {"flow": "Questions", "outputs": outputs}, completed="tell"),
        "tell": sends("done: {{ word }}"),
    }
    return document.from_data(drawn("Caller", steps))


def _called() -> Flow:
    """Asks, notes the visit elsewhere, says so, and gives a word back."""
    visit = {"base": API, "url": "/visits", "method": "POST", "may_be_repeated": True, "body": {"json": {"a": "b"}}}
    steps = {
        "begin": placed("called_by_flow", {}, next="ask"),
        "ask": asks("which?", to="note"),
        "note": placed("fetch_variable", visit, success="tell", not_found="tell", failure="tell"),
        "tell": sends("noted", to="over", wait_for="accepted"),
        "over": placed("end", {"outputs": [{"name": "word", "value": "two"}]}),
    }
    return document.from_data(drawn("Questions", steps))


def _arm(worker: Kept, place: str) -> None:
    """Kills the worker's process, so that the next one kills itself at that place."""
    worker.crash_file.write_text(f"{place} 1")
    wait_for("the worker has its child", lambda: bool(children_of(worker.pid)), 30)
    for child in children_of(worker.pid):
        kill(child)


def _until_said(site: Site, contact: str, said: str) -> None:
    def is_said() -> bool:
        return any(line["to"] == contact and line["body"] == said for line in site.provider_log.read().lines)

    wait_for(f"{contact} reads {said}", is_said, _PATIENCE_SECONDS, site.keeper.look)
