"""Steps of plugins in the whole house: their turns are computed aside, and what they do there is what they did here."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pysqlite3
import pytest

from app import cli
from app.config import Settings
from app.step_host import Bounds, StepHost, kinds_of, open_host
from app.web import create_app
from flows.registry import Registry
from tests.app import house
from tests.app.drawn import drawn, echo, placed, sends, starts_with
from tests.app.house import Runtime
from tests.app.seeded import seeded
from tests.plugins import points_in, source, write_plugin

STRANGE = ("works", "sleeps", "exits", "begins", "raises", "told_badly")


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The built-in steps, and a stranger's."""
    folder = tmp_path_factory.mktemp("plugins")
    write_plugin(folder, {type_: source(type_) for type_ in STRANGE}, "guests")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        with open_host(points_in(folder, "guests"), Bounds(1.0)) as host:
            yield Registry.discover(["steps"], kinds_of(host))


@pytest.fixture
def _installed(plugins: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "installed_steps", lambda: plugins)


@pytest.fixture
def room(_installed: None, room: Runtime) -> Runtime:
    """With the plugin."""
    return room


def strange(number: str, kind: str) -> dict[str, object]:
    """A flow with that step; it says what the step has heard, or how it failed."""
    steps = {
        "in": starts_with(number, "it"),
        "it": placed(kind, {}, next="said", failure="failed"),
        "said": sends("heard {{ heard }}"),
        "failed": sends("{{ error.kind }}"),
    }
    return drawn(f"Strange {kind}", steps)


def test_a_plugins_step_takes_part_in_a_turn(room: Runtime) -> None:
    room.publish(strange("keys", "works"))
    put = room.write("hello")
    room.drive()
    assert room.said(put.conversation_id) == ["hello", "> heard hello"]
    assert room.outcomes() == ["completed"]


def test_a_slow_step_holds_up_nobody_else(room: Runtime) -> None:
    room.publish(strange("keys", "sleeps"))
    room.publish(echo("lookup"))
    slow = room.write("hello")
    quick = room.write("hello", "lookup")
    room.drive()
    assert room.said(slow.conversation_id) == ["hello", "> plugin_timeout"]
    assert room.said(quick.conversation_id) == ["hello", "> echo hello"]
    ended = {row["conversation_id"]: row["ended_at"] for row in room.rows("SELECT conversation_id, ended_at FROM runs")}
    assert ended[quick.conversation_id] < ended[slow.conversation_id]


def test_a_step_of_a_called_flow_is_computed_aside_too(room: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    computing, real = list[str](), StepHost.call

    def call(self: StepHost, *arguments: Any) -> Any:
        computing.append(threading.current_thread().name)
        return real(self, *arguments)

    monkeypatch.setattr(StepHost, "call", call)
    steps = {"begin": placed("called_by_flow", {}, next="it"), "it": placed("works", {}, next="end")}
    room.publish(drawn("Called", steps))
    calls = {"in": starts_with("keys", "run"), "run": placed("run_flow", {"flow": "Called"}, completed="end")}
    room.publish(drawn("Caller", calls))
    room.write("hello")
    room.drive()
    assert room.outcomes() == ["completed"]
    assert {name.partition("_")[0] for name in computing} == {"aside"}


def test_a_step_that_dies_is_charged_to_nobody(room: Runtime) -> None:
    room.publish(strange("keys", "exits"))
    puts = [room.write("hello", contact=f"+4860010030{n}") for n in range(4)]
    room.drive()
    assert [room.said(put.conversation_id) for put in puts] == [["hello", "> plugin_died"]] * 4
    assert room.column("SELECT max(charged) FROM inbound_events") == [0]


def test_a_plugins_trigger_of_an_older_format_begins_runs_before_others(room: Runtime) -> None:
    room.publish(echo("keys"))
    older = {**placed("begins", {"words": "keys"}, next="said"), "format": 1}
    steps = {"in": older, "said": sends("began {{ began }}")}
    room.publish(drawn("Plugged", steps))
    plugged, other = room.write("plug it"), room.write("hello", contact="+48600100301")
    broken = room.write("break", contact="+48600100302")
    room.drive()
    assert room.said(plugged.conversation_id)[1].startswith("> began")
    assert room.said(other.conversation_id) == ["hello", "> echo hello"]
    assert room.said(broken.conversation_id) == ["break", "> echo break"]


def test_a_plugin_that_cannot_be_read_stops_also_a_later_start_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("PATCHBAY_DATA", str(tmp_path / "data"))
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("app.cli.starting.launch", lambda settings, prepare: 0 if prepare(settings) is not None else 2)
    assert cli.main(["run"]) == 0
    write_plugin(tmp_path / "site", {"bad": "raise RuntimeError('no luck')"}, "broken")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert (capsys.readouterr().err, cli.main(["run"])) == ("", 1)
    sentence = "The plugin step “bad” (broken.bad:Strange) cannot be loaded: no luck. Mend or uninstall it."
    assert capsys.readouterr().err == f"patchbay: {sentence}\n"


def test_an_editor_sees_all_kinds_also_where_one_of_them_breaks(
    plugins: Registry, sqlite_url: str, redis_url: str
) -> None:
    with seeded(Settings.from_environment({"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url})) as installation:
        client = create_app(replace(installation.house, steps=plugins)).test_client()
        answer = client.get("/api/v1/step-kinds", headers=installation.headers)
        one = client.get("/api/v1/step-kinds/told_badly", headers=installation.headers)
    assert (answer.status_code, one.status_code) == (200, 200)
    kinds = {kind["type"]: kind for kind in answer.get_json()["items"]}
    assert {"menu", *STRANGE} <= set(kinds)
    assert [way["id"] for way in kinds["told_badly"]["exits"]] == ["failure"]
    assert [way["id"] for way in kinds["works"]["exits"]] == ["next", "failure"]


def test_a_flow_without_its_plugin_is_read_and_exported_as_before_and_says_what_it_lacks(
    plugins: Registry, sqlite_url: str, redis_url: str
) -> None:
    with seeded(Settings.from_environment({"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url})) as installation:
        headers, place, seen = installation.headers, "/api/v1/flows/Strange%20works", []
        client = create_app(replace(installation.house, steps=plugins)).test_client()
        made = client.post("/api/v1/imports", json={"file": strange("web-chat", "works")}, headers=headers)
        assert made.status_code == 201, made.text
        for _ in range(2):
            read, export = client.get(place, headers=headers), client.get(f"{place}/export", headers=headers)
            whole = client.post("/api/v1/exports", json={"flows": ["Strange works"]}, headers=headers)
            seen.append((read.get_json()["document"], export.data, whole.data))
            client = create_app(replace(installation.house, steps=Registry.discover(["steps"]))).test_client()
        found = client.post(f"{place}/check", json={}, headers=headers).get_json()["findings"]
        refused = client.post(f"{place}/publish", json={"note": "x"}, headers=headers)
        went = client.post(f"{place}/simulations", json={"event": {"message": "hello"}}, headers=headers)
    assert seen[0] == seen[1]
    assert "unknown_type" in [one["code"] for one in found]
    assert (refused.status_code, "works" in refused.text) == (422, True)
    assert went.get_json()["run"]["error"]["kind"] == "step_missing"


@pytest.mark.parametrize("door", ["api", "command"])
def test_an_import_asks_plugins_while_everybody_else_may_write(
    plugins: Registry, sqlite_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, door: str
) -> None:
    asked, real = list[bool](), StepHost.call

    def call(self: StepHost, *arguments: Any) -> Any:
        with closing(pysqlite3.connect(sqlite_url.partition("///")[2], timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
                asked.append(True)
            except pysqlite3.OperationalError:  # locked
                asked.append(False)
        return real(self, *arguments)

    monkeypatch.setattr(StepHost, "call", call)
    steps = {"in": starts_with("web-chat", "it"), "it": placed("works", {"text": door}, next="end")}
    file = drawn("Strange", steps)
    with seeded(Settings.from_environment({"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url})) as installation:
        equipped = replace(installation.house, steps=plugins)
        if door == "api":
            client = create_app(equipped).test_client()
            done = client.post("/api/v1/imports", json={"file": file}, headers=installation.headers)
            assert done.status_code == 201, done.text
        else:
            monkeypatch.setattr("app.cli.carrying.open_house", lambda _: nullcontext(equipped))
            (tmp_path / "flow.json").write_text(json.dumps(file), encoding="utf-8")
            assert cli.main(["flows", "import", str(tmp_path / "flow.json")]) == 0
        assert installation.rows("SELECT count(*) FROM flows WHERE name = 'Strange'") == [(1,)]
    assert set(asked) == {True}
