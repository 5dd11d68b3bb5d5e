"""The README's first flow, exactly as it stands there: a newcomer who copies each line sees what it promises."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from examples import customer_api
from tests.app.api_client import api
from tests.app.processes import Process
from tests.app.test_api_conversations import Talk
from tests.app.test_vip import running

README = Path(__file__).resolve().parents[2] / "README.md"
API = "localhost:8000/api/v1"


@pytest.fixture
def talk(settings: Settings) -> Iterator[Talk]:
    with talking(settings) as talk:
        yield talk


@contextmanager
def talking(settings: Settings) -> Iterator[Talk]:
    """A visitor of a fresh installation."""
    with api(settings) as client:
        process = Process(client.installation.house).start()
        token = client.client.post("/chat/web-chat/visits", json={}).get_json()["token"]
        yield Talk(client, process, token)
        process.stop()


def blocks(language: str) -> list[str]:
    """The README's fenced blocks of one language, without their indentation."""
    found = re.findall(
        rf"^( *)```{language}\n(.*?)^ *```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def asked(talk: Talk, line: str, **values: str) -> dict[str, Any]:
    """The answer to one line of the README that asks the API."""
    for name, value in values.items():
        line = line.replace(f"${name}", value)
    words = shlex.split(line, comments=True)
    assert words[0] == "api"
    path = words[1].removeprefix(API)
    method, body = ("POST", words[3]) if words[2:3] == ["-d"] else ("GET", None)
    headers = {**talk.client.installation.headers, "Content-Type": "application/json"}
    answer = talk.client.client.open(f"/api/v1{path}", method=method, headers=headers, data=body)
    assert answer.status_code < 300, (line, answer.text)
    data: dict[str, Any] = answer.get_json()
    return data


def test_the_first_flow_of_the_readme_is_published_answers_and_is_closed_by_people(talk: Talk) -> None:
    (flow,) = blocks("json")
    lines = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("api ")]
    create, publish, conversations, reply, close, runs, trace = lines
    made = asked(talk, create.replace('"{\\"document\\": $(cat hello.json)}"', shlex.quote(f'{{"document": {flow}}}')))
    assert made["findings"] == []
    assert asked(talk, publish)["answers"] == ["web-chat"]

    talk.say("good morning")
    reference = talk.say("Anna")
    assert [text for _, text in talk.texts(reference)] == [
        "good morning",
        "Hello! What is your name?",
        "Anna",
        "Thank you, Anna. One moment.",
    ]
    listed = asked(talk, conversations)["items"][0]
    assert (listed["reference"], listed["owner"], listed["queue"]["name"]) == (reference, "people", "standard")

    for line in (reply, close):
        asked(talk, line, conversation=reference)
        talk.work()
    assert talk.texts(reference)[-1] == ("agent", "Good morning, this is Ada.")
    (run,) = asked(talk, runs, conversation=reference)["items"]
    assert (run["flow"], run["status"], run["outcome"]) == ("Hello", "ended", "completed")
    turns = asked(talk, re.sub(r"runs/\d+", f"runs/{run['id']}", trace))["items"]
    assert [(step["step"], step["exit"]) for turn in turns for step in turn["steps"] if step["exit"]] == [
        ("message", "next"),
        ("name", "reply"),
        ("thanks", "success"),
        ("people", "closed"),
    ]


def test_the_numbers_of_the_readme_are_answered_as_it_says(settings: Settings) -> None:
    _, _, below = README.read_text(encoding="utf-8").partition("| you write |")
    told = re.findall(r"^\| `?([^|`]+)`? \| \w+ \| (.+?)(?: …)? \|$", below.partition("\n\n")[0], re.MULTILINE)
    assert [number for number, _ in told] == ["+48 500 100 100", "+48 500 100 200", "any other number"]
    with running(customer_api.serve(0)) as port:
        there = frozenset({("127.0.0.1", port)})
        with talking(replace(settings, customer_api_port=port, allowed_private_hosts=there)) as talk:
            for number, words in told:
                visit = talk.client.client.post("/chat/web-chat/visits", json={}).get_json()["token"]
                visitor = replace(talk, token=visit)
                visitor.say("hello")
                reference = visitor.say(number.replace("any other number", "+48 222 333 444"))
                assert visitor.texts(reference)[-1][1].startswith(words)
