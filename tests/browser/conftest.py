"""What the browser's tests share: Chromium, a chat with its server, and a visitor's own browser profile."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.config import Settings
from tests.browser.live_chat import Server, browser, live_chat, opened
from tests.chat_house import ChatHouse

Live = tuple[ChatHouse, Server]


@pytest.fixture(scope="package")
def started(chromium: Path) -> Iterator[Browser]:
    """The browser, started once for all of them."""
    with browser(chromium) as program:
        yield program


@pytest.fixture
def live(sqlite_url: str, data_folder: Path) -> Iterator[Live]:
    """A chat and the server in front of it."""
    settings = Settings.from_environment({"DATABASE_URL": sqlite_url, "PATCHBAY_DATA": str(data_folder)})
    with live_chat(settings) as pair:
        yield pair


@pytest.fixture
def chat(live: Live) -> ChatHouse:
    """The chat's house."""
    return live[0]


@pytest.fixture
def server(live: Live) -> Server:
    """The chat's server."""
    return live[1]


@pytest.fixture
def context(started: Browser) -> Iterator[BrowserContext]:
    """A profile of its own: storage and tabs of one visitor."""
    profile = started.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    profile.set_default_timeout(10_000)
    expect.set_options(timeout=20_000)  # a busy machine, and a quiet stream that looks only each 5 s
    yield profile
    profile.close()


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Page:
    """The chat's page, ready."""
    return opened(context, server)
