"""The button and panel on somebody else's site, in a real browser."""

import re
import time

from playwright.sync_api import BrowserContext, FrameLocator, Page, expect
from sqlalchemy import select

from app.models import Address
from tests.app.test_web_chat_identity import signed
from tests.browser.conftest import Live
from tests.browser.live_chat import serving, site


def visit_shop(context: BrowserContext, live: Live, attributes: str = "") -> Page:
    """A page of an allowed site, on an origin of its own."""
    chat, server = live
    page = context.new_page()
    with serving(site(server.address, attributes)) as host:
        chat.change_settings(allowed_origins=[host.address], title="Acme shop")
        page.goto(host.address)
        page.get_by_role("button", name="Open the chat").wait_for()
    return page


def frame_of(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[title=Conversation]")


def write(page: Page, text: str) -> None:
    frame_of(page).get_by_label("Your message").fill(text)
    frame_of(page).get_by_role("button", name="Send").click()
    expect(frame_of(page).locator(".state").filter(has_text="Sent").last).to_be_attached()


def test_a_site_with_one_tag_has_a_chat(context: BrowserContext, live: Live) -> None:
    page = visit_shop(context, live)
    button = page.get_by_role("button", name="Open the chat")
    box = button.bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (56, 56)
    assert page.locator("iframe").count() == 0
    button.click()
    panel = page.get_by_role("dialog", name="Conversation").bounding_box()
    assert panel is not None
    assert (panel["width"], panel["height"]) == (380, 600)
    write(page, "hello from the shop")
    live[0].answer("Hello, shop")
    expect(frame_of(page).get_by_text("Hello, shop")).to_be_visible()


def test_the_keyboard_opens_and_closes_the_panel(context: BrowserContext, live: Live) -> None:
    page = visit_shop(context, live)
    page.get_by_role("button", name="Open the chat").focus()
    page.keyboard.press("Enter")
    expect(frame_of(page).get_by_label("Your message")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Open the chat")).to_be_focused()
    expect(page.get_by_role("button", name="Open the chat")).to_have_attribute("aria-expanded", "false")


def test_answers_to_a_closed_panel_are_counted_on_the_button(context: BrowserContext, live: Live) -> None:
    page = visit_shop(context, live)
    page.get_by_role("button", name="Open the chat").click()
    write(page, "hello")
    frame_of(page).get_by_role("button", name="Close the chat").click()
    live[0].answer("one")
    live[0].answer("two")
    unread = page.get_by_role("button", name="Open the chat, 2 new messages")
    unread.click()
    expect(frame_of(page).get_by_text("two")).to_be_visible()
    page.get_by_role("button", name="Close the chat").first.click()
    expect(page.get_by_role("button", name="Open the chat", exact=True)).to_be_visible()


def test_on_a_phone_the_panel_fills_the_screen(context: BrowserContext, live: Live) -> None:
    page = visit_shop(context, live)
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Open the chat").click()
    panel = page.get_by_role("dialog").bounding_box()
    assert panel == {"x": 0, "y": 0, "width": 390, "height": 844}
    frame_of(page).get_by_role("button", name="Close the chat").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_site_that_is_not_allowed_shows_why(context: BrowserContext, live: Live) -> None:
    _, server = live
    page = context.new_page()
    with serving(site(server.address)) as host:
        page.goto(host.address)
        page.get_by_role("button", name="Open the chat").click()
        expect(frame_of(page).get_by_text("This site may not show the chat")).to_be_visible()


def test_a_guest_is_known_again_when_the_site_is_loaded_anew(context: BrowserContext, live: Live) -> None:
    chat, server = live
    page = context.new_page()
    with serving(site(server.address)) as host:
        chat.change_settings(allowed_origins=[host.address])
        for _ in range(2):
            page.goto(host.address)
            page.get_by_role("button", name=re.compile("Open the chat")).click()
            expect(frame_of(page).get_by_label("Your message")).to_be_visible()
            if not chat.received():
                write(page, "from before")
    expect(frame_of(page).get_by_text("from before")).to_be_visible()
    assert context.cookies() == []


def test_a_signed_user_is_known_and_a_forged_one_is_a_guest(context: BrowserContext, live: Live) -> None:
    user = signed({"id": "u-17", "name": "Anna", "exp": int(time.time()) + 600})
    page = visit_shop(context, live, f'data-user="{user}"')
    page.get_by_role("button", name="Open the chat").click()
    write(page, "it is me")
    forged = visit_shop(context, live, f'data-user="{signed({"id": "u-17", "exp": 2**33}, "guessed")}"')
    forged.get_by_role("button", name="Open the chat").click()
    expect(frame_of(forged).get_by_text("you write as a guest")).to_be_visible()
    expect(frame_of(forged).get_by_role("article")).to_have_count(0)
    with live[0].house.database.reading() as session:
        assert session.execute(select(Address.value)).scalars().all() == [f"{live[0].connection_id}:u-17"]


def test_a_site_can_sign_a_user_in_without_a_reload(context: BrowserContext, live: Live) -> None:
    chat = live[0]
    user = signed({"id": "u-18", "exp": int(time.time()) + 600})
    chat.visit(user=user).send("from yesterday")
    page = visit_shop(context, live)
    page.get_by_role("button", name="Open the chat").click()
    expect(frame_of(page).get_by_role("article")).to_have_count(0)
    page.evaluate("user => window.PatchbayChat.identify(user)", user)
    expect(frame_of(page).get_by_text("from yesterday")).to_be_visible()
