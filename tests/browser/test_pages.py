"""The house's own few pages in a real browser: the one-time link, and what leads nowhere."""

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, expect

from app.accounts.first_link import make_first_link
from tests.browser.live_chat import Server
from tests.chat_house import ChatHouse

Theme = Literal["light", "dark"]


def link_of(chat: ChatHouse) -> str:
    with chat.house.database.transaction() as session:
        return f"/first/{make_first_link(session)}"


def test_the_one_time_link_shows_a_token_once(context: BrowserContext, server: Server, chat: ChatHouse) -> None:
    link = link_of(chat)
    page, other = context.new_page(), context.new_page()
    for tab in (page, other):
        tab.goto(server.address + link)  # a preview uses nothing up
    page.get_by_role("button", name="Show the token").click()
    token = page.locator("output").inner_text()
    answer = page.request.get(f"{server.address}/api/v1/tokens", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200
    other.get_by_role("button", name="Show the token").click()
    expect(other.get_by_role("heading")).to_have_text("This link cannot be used any more")
    page.goto(server.address + link)
    expect(page.get_by_role("heading")).to_have_text("This link cannot be used any more")


def test_the_way_in_leads_to_the_chat_and_a_wrong_way_back_to_it(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    page.goto(f"{server.address}/nothing")
    expect(page.get_by_role("heading")).to_have_text("There is nothing here")
    page.get_by_role("link", name="Go to the start page").click()
    expect(page.get_by_label("Your message")).to_be_visible()
    assert page.url == f"{server.address}/chat"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_to_mend_and_nothing_sticks_out_of_a_phone(
    started: Browser, server: Server, chat: ChatHouse, theme: Theme
) -> None:
    context = started.new_context(bypass_csp=True, color_scheme=theme, viewport={"width": 390, "height": 844})
    page = context.new_page()
    link = link_of(chat)
    for path in ("/nothing", "/chat/nothing", "/first/used", link, f"{link}#token"):
        page.goto(server.address + path)
        if path.endswith("#token"):
            page.get_by_role("button").click()
            expect(page.locator("output")).to_be_visible()
        assert Axe().run(page).response["violations"] == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    context.close()
