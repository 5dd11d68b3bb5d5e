"""The page of a run, to which letters to the team lead: where it stands and why, in words, and by which steps."""

import html
import re

from flask.testing import FlaskClient

from app.accounts.people import Newcomer, add_person
from app.accounts.roles import Role
from app.web import create_app
from app.web.screens.run_standing import AUTHORS, OUTCOMES, TIME, WAITS
from app.web.words import words
from flows.awaited import ACCEPTABLE
from tests.app.api import Api
from tests.app.drawn import asks, drawn, placed, starts_with
from tests.app.house import ANNA, Runtime
from tests.app.people_house import PASSWORD, stored_password
from tests.app.test_api_mending import failing
from tests.recorded_runs import RecordedRun, visit

HOSTILE = '<script>alert("x")</script>'
PRIVATE = "PL-4481"


class Colleague:
    """Somebody who opens a link and signs in there."""

    def __init__(self, room: Runtime, role: Role = Role.VIEWER) -> None:
        with room.house.database.transaction() as session:
            add_person(session, Newcomer(f"{role}@example.com", "Jan", ""), stored_password(), role)
        self.fields = {"email": f"{role}@example.com", "password": PASSWORD}
        self.client: FlaskClient = create_app(room.house).test_client()
        self.html = ""

    def opens(self, path: str, status: int = 200) -> str:
        """What the page says, without its tags, in one line."""
        answer = self.client.get(path, headers={"Accept": "text/html"})
        if answer.status_code == 303:
            form = self.client.get(answer.headers["Location"])
            wanted = re.search(r'name="next" value="([^"]*)"', form.text)
            assert wanted, form.text
            signed_in = self.client.post("/sign-in", data={**self.fields, "next": html.unescape(wanted[1])})
            assert signed_in.headers["Location"] == path
            answer = self.client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == status, answer.text
        assert not re.search(r"<script(?! src=)|\son\w+=|\sstyle=", answer.text)
        self.html = answer.text.partition("<main")[2]
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", self.html)).split())


def test_a_link_leads_by_way_of_the_sign_in_to_where_the_run_stands(room: Runtime, api: Api) -> None:
    question = {**asks("Your number?", variable="number"), "name": HOSTILE}
    called = {"begin": placed("called_by_flow", {}, next="ask"), "ask": question}
    room.publish(drawn("Asking", called, variables={"number": {"type": "text", "private": True}}))
    caller = {"in": starts_with("lookup", "sub"), "sub": placed("run_flow", {"flow": "Asking"}, completed="end")}
    room.publish(drawn(f"Ask {HOSTILE}", caller))
    run = room.write("hello", "lookup").event_id
    room.drive()
    colleague = Colleague(room)
    page = colleague.opens(f"/runs/{run}")
    standing, _, steps = page.partition("Steps")
    assert f"Ask {HOSTILE} version 1 Waiting The flow goes on when the contact writes." in standing
    assert f"Step {HOSTILE} Since just now At the latest 20" in standing
    assert f"Contact {ANNA} Channel lookup Double, messages Conversation PB-10001 Began just now" in standing
    assert "Incoming message next just now Run a flow ran the flow Asking just now" in steps
    assert f"{HOSTILE} in the flow Asking waited just now" in steps
    for process in room.processes:
        process.stop()
    room.write(PRIVATE, "lookup")
    assert "Running Something has just come" in colleague.opens(f"/runs/{run}")
    room.drive()
    page = colleague.opens(f"/runs/{run}")
    assert "Done The flow came to its end. Ended just now" in page
    assert f"{HOSTILE} in the flow Asking reply" in page
    assert PRIVATE not in page

    room.publish(failing(api))
    run = room.write("hello").event_id
    room.drive()
    (sentence,) = room.column("SELECT message FROM problems WHERE kind = 'mapping_missing'")
    page = colleague.opens(f"/runs/{run}")
    assert f"Failed {sentence} Step Look Failed just now" in page
    assert f"Look failure {sentence} 1 just now" in page
    assert "There is no such run" in colleague.opens("/runs/999999", 404)
    Colleague(room, Role.AGENT).opens(f"/runs/{run}", 403)


ENDINGS: list[tuple[str, str]] = [
    ("completed", "Done The flow came to its end. Ended"),
    ("resolved by phone", "Done The flow came to its end: resolved by phone Ended"),
    ("opted_out", "Done The contact wants no more messages. Ended"),
    ("failed", "Failed The flow could not go on."),
]


def test_five_hundred_steps_are_read_in_pages_and_every_end_is_told(room: Runtime) -> None:
    one_turn = [visit(f"s{n}", "next") for n in range(120)]
    turns = [one_turn, [], *([visit(f"s{n}", "next")] for n in range(120, 500))]
    names = {f"s{n}": f"Step {n}." for n in range(500)}
    colleague = Colleague(room)
    with room.house.database.transaction() as session:
        run = RecordedRun("Long", names, turns, "completed").write(session, room.numbers["keys"])
    address = f"/runs/{run}"
    found: list[str] = []
    for _ in range(10):
        page = colleague.opens(address)
        found[:0] = re.findall(r"Step \d+\.", page)
        earlier = re.search(rf'href="(/runs/{run}\?before=[\d.]+)#steps"', colleague.html)
        assert ("Earlier steps" in page, "Latest steps" in page) == (earlier is not None, "before" in address)
        address = earlier[1] if earlier else ""
    assert (found, address) == (list(names.values()), "")
    for nonsense in ("x", "-1.0", "9" * 30, "1.2.3", "%00"):
        assert "Step 499." in colleague.opens(f"/runs/{run}?before={nonsense}")
    with room.house.database.transaction() as session:
        for n, (outcome, _) in enumerate(ENDINGS):
            ended = RecordedRun(f"Ends {n}", {"a": "A"}, outcome=outcome, phone=f"+4860010030{n}")
            ended.write(session, room.numbers["keys"])
    for n, (_, words_of_it) in enumerate(ENDINGS):
        page = colleague.opens(f"/runs/{run + 1 + n}")
        assert words_of_it in page
        assert page.endswith("No step is recorded yet.")
    room.execute(  # an event of the last one could not be read
        "INSERT INTO problems (conversation_id, run_id, step, kind, message, created_at)"
        " SELECT conversation_id, id, '', 'set_aside', 'It was set aside.', started_at FROM runs",
    )
    assert "Failed It was set aside. Step A" in colleague.opens(f"/runs/{run + len(ENDINGS)}")


def test_everything_a_run_may_wait_for_or_end_by_has_words() -> None:
    assert set(WAITS) == set(ACCEPTABLE)
    wanted = [f"run.waits.{why}" for why in (*WAITS, TIME)] + [f"run.ended.{why}" for why in (*OUTCOMES, AUTHORS)]
    for state in ("running", "waiting", "failed", "done"):
        wanted += [f"run.state.{state}", f"run.since.{state}"]
    wanted += ["run.kind.messages", "run.kind.call"]
    assert [key for key in wanted if key not in words("en").texts] == []
