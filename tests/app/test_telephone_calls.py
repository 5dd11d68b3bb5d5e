"""`patchbay call` against a whole installation: signed webhooks, the example flow, its customer API."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from app.config import Settings
from app.errors import DomainError
from app.seeding import prepare
from app.telephone import Receiver, call
from app.telephone.line import LineDead
from app.web import create_app
from app.wiring import build_house, leave_house
from examples import customer_api


@contextmanager
def serving(server: Any) -> Iterator[None]:
    """A server that runs in a thread."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Settings]:
    """A first start with its two example flows, web and customer API; web takes the turns itself."""
    data = tmp_path / "installation"
    data.mkdir(mode=0o700)
    api = customer_api.serve(0)
    settings = Settings.from_environment(
        {
            "PATCHBAY_DATA": str(data),
            "CUSTOMER_API_PORT": str(api.server_port),
            "ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{api.server_port}",
        }
    )
    server = make_server("127.0.0.1", 0, Flask("not yet"), threaded=True)  # its port is part of the settings
    settings = replace(settings, public_url=f"http://127.0.0.1:{server.server_port}")
    prepare(settings)
    house = build_house(settings)
    server.app = create_app(house)
    with serving(api), serving(server):
        yield settings
    leave_house(house)


def telephone(settings: Settings, caller: str, script: str, number: str = "support-line", url: str = "") -> list[str]:
    """What the caller saw."""
    lines: list[str] = []
    receiver = Receiver(script=script, say=lines.append, wait=lambda _: None)
    assert call(settings, number, caller, url, receiver) == 0
    return lines


RINGS = [
    ("+48500100100", "sip:platinum@queues.example.com;transport=tcp"),
    ("+48500100200", "sip:gold@queues.example.com;transport=tcp"),
]


@pytest.mark.parametrize(("caller", "phone"), RINGS)
def test_the_example_flow_rings_the_right_queue(installation: Settings, caller: str, phone: str) -> None:
    assert telephone(installation, caller, "y") == [
        f"  Calling +15005550006 from {caller}. Ctrl-C or h hangs up.",
        f"  Ringing {phone} — answer? [y/n/busy]: y",
        "  You are talking. Enter = they hang up, h = you do: ",
        "  The other side hung up.",
    ]


@pytest.mark.parametrize("caller", ["+48600999888", "+48500100901"])
def test_an_unknown_caller_and_a_broken_api_wait_in_our_own_queue(installation: Settings, caller: str) -> None:
    assert telephone(installation, caller, "h")[1:] == ["  (silence)", "  You hung up."]


def test_a_number_may_be_given_by_its_value_and_web_by_its_address(installation: Settings) -> None:
    lines = telephone(installation, "+48500100100", "n h", "+15005550006", installation.effective_public_url + "/")
    assert lines[1].endswith("[y/n/busy]: n")


def test_what_cannot_be_called_is_said_in_a_sentence(installation: Settings) -> None:
    with pytest.raises(DomainError, match="there are support-line"):
        telephone(installation, "+48500100100", "", "nobody")
    with pytest.raises(DomainError, match="no telephone number"):
        telephone(installation, "Ala", "")
    with pytest.raises(LineDead, match="start Patchbay"):
        telephone(installation, "+48500100100", "", url="http://127.0.0.1:9")
    with pytest.raises(LineDead, match="signature of the webhook is wrong"):
        telephone(
            replace(installation, public_url="http://elsewhere.example"),
            "+48500100100",
            "",
            url=installation.public_url,
        )
