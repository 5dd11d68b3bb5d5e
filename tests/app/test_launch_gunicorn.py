"""gunicorn's configuration, tried with a stand-in application."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.launch.commands import PROJECT_FOLDER, web_arguments

APPLICATION = """
import socket, threading, time
import gevent.monkey

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/stream":
        return stream()
    return [f"{gevent.monkey.is_module_patched('socket')} {environ['REMOTE_ADDR']}".encode()]

def stream():
    while True:
        yield b"tick\\n"
        time.sleep(0.05)
"""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """gunicorn as the launcher starts it, but serving the stand-in, and its port."""
    (tmp_path / "standin.py").write_text(APPLICATION)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {"PORT": str(port), "WEB_PROCESSES": "2", "HOME": str(tmp_path), "PATCHBAY_DATA": str(tmp_path)}
    process = subprocess.Popen(
        [*web_arguments()[:-1], "standin:app"],
        cwd=PROJECT_FOLDER,
        env={**os.environ, **environment, "PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT_FOLDER}"},
    )
    deadline = time.monotonic() + 20
    while not answers(port):
        assert time.monotonic() < deadline, "web did not start"
        time.sleep(0.02)
    yield process, port
    process.send_signal(signal.SIGKILL)
    process.wait()


def answers(port: int) -> bool:
    try:
        get(port, "/").close()
    except OSError:
        return False
    return True


def get(port: int, path: str, **headers: str) -> http.client.HTTPConnection:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    line.request("GET", path, headers=headers)
    return line


def test_web_is_cooperative_and_believes_no_proxy_header(web: tuple[subprocess.Popen[bytes], int]) -> None:
    line = get(web[1], "/", **{"X-Forwarded-For": "192.0.2.7"})
    assert line.getresponse().read() == b"True 127.0.0.1"
    line.close()


def test_web_answers_beside_open_streams(web: tuple[subprocess.Popen[bytes], int]) -> None:
    streams = [get(web[1], "/stream") for _ in range(30)]
    assert {stream.getresponse().status for stream in streams} == {200}
    assert answers(web[1])
    for stream in streams:
        stream.close()


def test_web_leaves_nothing_in_the_home_folder(web: tuple[subprocess.Popen[bytes], int], tmp_path: Path) -> None:
    assert answers(web[1])
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".py" and path.name != "__pycache__") == []


@pytest.mark.skipif(sys.platform == "darwin", reason="signals of gevent's loop differ there")
def test_web_stops_within_its_grace_in_spite_of_an_open_stream(web: tuple[subprocess.Popen[bytes], int]) -> None:
    stream = get(web[1], "/stream")
    assert stream.getresponse().status == 200
    web[0].terminate()
    assert web[0].wait(timeout=12) == 0
    stream.close()
