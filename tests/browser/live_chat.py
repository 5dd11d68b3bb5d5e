"""A chat that a real browser can open: the doors on a port of their own, a site that embeds them, and Chromium."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from app.config import Settings
from tests.chat_house import ChatHouse, chat_house

BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Nothing: a test's output is its claims."""


@dataclass
class Server:
    """A web server in a thread, that can be stopped and started again on the same port."""

    app: Flask
    port: int = 0
    _server: BaseWSGIServer | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begins to answer."""
        self._server = make_server("127.0.0.1", self.port, self.app, threaded=True, request_handler=Quiet)
        self._server.daemon_threads = True  # type: ignore[attr-defined]  # of ThreadingMixIn, which the return type hides
        self.port = self._server.port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Answers nobody any more; streams that are open end with their next word."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def serving(app: Flask) -> Iterator[Server]:
    """The application on a free port."""
    server = Server(app)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def live_chat(settings: Settings) -> Iterator[tuple[ChatHouse, Server]]:
    """A chat and the server in front of it."""
    with chat_house(settings) as house, serving(house.app) as server:
        yield house, server


def opened(context: BrowserContext, server: Server) -> Page:
    """A tab with the chat's page, ready."""
    page = context.new_page()
    page.goto(f"{server.address}/chat")
    expect(page.get_by_role("log")).to_have_attribute("aria-busy", "false")
    return page


def site(chat_address: str, attributes: str = "") -> Flask:
    """A site of somebody else with the one tag, and a policy as strict as sites have them."""
    app = Flask("site")

    @app.get("/")
    def page() -> tuple[str, dict[str, str]]:
        tag = f'<script src="{chat_address}/chat/embed.js" data-number="web" {attributes}></script>'
        policy = f"default-src 'none'; script-src {chat_address}; style-src 'none'; frame-src {chat_address}"
        html = f"<!doctype html><html lang=en><title>Shop</title><h1>Shop</h1><p>Things to buy.</p>{tag}</html>"
        return html, {"Content-Security-Policy": policy}

    return app


def chromium_path() -> Path | None:
    """The browser's program, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return Path(found)
    return None


@contextmanager
def browser(program: Path) -> Iterator[Browser]:
    """Chromium, as root too."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        yield started
        started.close()
