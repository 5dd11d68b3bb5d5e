"""docs/web-chat.md says what is so: its examples sign users whom the chat knows."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.channels.visitor import read_identity
from app.channels.web_chat import read_settings

PAGE = (Path(__file__).resolve().parents[2] / "docs/web-chat.md").read_text(encoding="utf-8")
SECRET = "a long random text"


def example(language: str) -> str:
    """The page's one block in this language."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found[0]


def by_python() -> str:
    """What the page's Python signs."""
    names: dict[str, Any] = {}
    exec(example("python"), names)  # noqa: S102 - the page's own code is what is tested
    signed: str = names["chat_user"](SECRET, "u-17", "Zażółć 👩", "+48601700900")
    return signed


def by_node() -> str:
    """What the page's JavaScript signs."""
    node = shutil.which("node") or shutil.which(".venv/bin/node")
    if node is None:
        pytest.skip("no node on PATH")
    arguments = ", ".join(map(json.dumps, [SECRET, "u-17", "Zażółć 👩", "+48601700900"]))
    program = f"{example('js')}\nprocess.stdout.write(chatUser({arguments}));"
    command = [node, "--input-type=module", "--eval", program]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("signed", [by_python, by_node])
def test_the_examples_sign_users_whom_the_chat_knows(signed: Callable[[], str]) -> None:
    visitor = read_identity(5, SECRET, "", signed(), datetime.now(UTC))
    assert (visitor.kind, visitor.address, visitor.name) == ("user", "5:u-17", "Zażółć 👩")
    assert visitor.phone == "+48601700900"


def test_the_settings_on_the_page_are_read() -> None:
    settings = read_settings(example("json"))
    assert settings.allowed_origins == ("https://shop.example.com", "https://www.example.com")
    assert settings.title == "Acme shop"
    assert set(settings.greeting) == {"en", "pl"}
