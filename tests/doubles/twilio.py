"""A Twilio that is not ours: the npm package `emulate`, which signs its webhooks and has a REST door of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.twilio_house import ACCOUNT, OURS, SECRET

FOLDER = Path(__file__).parent
PROGRAM = FOLDER / "node_modules" / "emulate" / "dist" / "index.js"
START_SECONDS = 30.0


@dataclass
class TwilioDouble:
    """The running double: `url` is the REST address, `port` its port on this machine."""

    url: str
    port: int

    def simulate(self, what: str, **form: str) -> dict[str, Any]:
        """Lets it play one thing, and answers when its webhook was answered."""
        return self.ask("POST", f"/_twilio/simulate/{what}", form)

    def messages(self) -> list[dict[str, Any]]:
        """What its own list shows, newest first."""
        listed: list[dict[str, Any]] = self.ask("GET", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")["messages"]
        return listed

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        """A request of the account's owner."""
        answer = requests.request(method, self.url + path, data=form, auth=(ACCOUNT, SECRET), timeout=20)
        assert answer.ok, answer.text
        said: dict[str, Any] = answer.json()
        return said


@contextmanager
def twilio_double(folder: Path, hooks: str) -> Iterator[TwilioDouble]:
    """A double whose numbers call the webhooks below `hooks`; skips the test, saying why, where it cannot run."""
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    if node is None:
        pytest.skip("no node: `make test` fetches one")
    if not PROGRAM.exists():
        pytest.skip("npm could not fetch emulate: run `npm ci` in tests/doubles where its registry can be reached")
    numbers = [
        {
            "phone_number": value,
            "sms_url": f"{hooks}/messages",
            "voice_url": f"{hooks}/calls",
            "status_callback": f"{hooks}/calls/status",
        }
        for value in (OURS, f"whatsapp:{OURS}")
    ]
    seed = {"twilio": {"account": {"sid": ACCOUNT, "auth_token": SECRET}, "phone_numbers": numbers}}
    (folder / "seed.yaml").write_text(json.dumps(seed))  # JSON is YAML
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        node,
        str(PROGRAM),
        "start",
        "--service",
        "twilio",
        "--port",
        str(port),
        "--seed",
        str(folder / "seed.yaml"),
    ]
    with (folder / "emulate.log").open("wb") as log:
        # The wheel's `node` only starts the real one: both are of one group, and end together.
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        double = TwilioDouble(f"http://127.0.0.1:{port}", port)
        _wait_for(double, process, folder / "emulate.log")
        yield double
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=10)


def _wait_for(double: TwilioDouble, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            double.messages()
        except requests.ConnectionError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return
