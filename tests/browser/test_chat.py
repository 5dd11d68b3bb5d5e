"""The chat page in a real browser, used as a person uses it: found by role and label."""

import re
import threading
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect

from app.models import Message
from tests.browser.live_chat import Server, opened
from tests.chat_house import ChatHouse

Theme = Literal["light", "dark"]
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


def write(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def is_sent(page: Page, text: str) -> None:
    expect(page.get_by_role("article").filter(has_text=text).last).to_have_class(re.compile("received|read"))


@pytest.mark.inconsistent  # what is handled by hand here is answered by nobody
def test_a_visitor_writes_and_is_answered_live(page: Page, chat: ChatHouse) -> None:
    expect(page.get_by_text("Hello, how can we help?")).to_be_visible()
    write(page, "hello")
    expect(page.get_by_text("Conversation PB-10001")).to_be_visible()
    expect(page.get_by_text("Acme is writing")).to_be_attached()
    chat.handle_all()
    chat.answer("Good morning!")
    expect(page.get_by_role("article").last).to_contain_text("Good morning!")
    expect(page.get_by_text("Acme is writing")).not_to_be_attached()
    expect(page.get_by_role("article").first).to_have_class(re.compile("read"))
    expect(page.get_by_text("Hello, how can we help?")).to_be_hidden()


def test_a_choice_is_sent_once_and_the_others_close(page: Page, chat: ChatHouse) -> None:
    write(page, "hello")
    is_sent(page, "hello")
    chat.answer("Which one?", choices={"b": "Billing", "s": "Sales"})
    answers = page.get_by_role("list", name="Answers to choose from")
    answers.get_by_role("button", name="Billing").press("Enter")
    is_sent(page, "Billing")
    expect(page.get_by_role("button", name="Chosen: Billing")).to_be_disabled()
    expect(page.get_by_role("button", name="Sales")).to_be_disabled()
    expect(page.get_by_label("Your message")).to_be_focused()
    assert chat.received() == 2


def test_a_reload_keeps_conversation_and_draft(page: Page, chat: ChatHouse) -> None:
    write(page, "hello")
    is_sent(page, "hello")
    chat.answer("Good morning!")
    expect(page.get_by_text("Good morning!")).to_be_visible()
    page.get_by_label("Your message").fill("half a sen")
    page.reload()
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.get_by_label("Your message")).to_have_value("half a sen")


def test_a_second_tab_shows_the_same_conversation(
    page: Page, context: BrowserContext, server: Server, chat: ChatHouse
) -> None:
    write(page, "from the first")
    is_sent(page, "from the first")
    other = opened(context, server)
    is_sent(other, "from the first")
    write(other, "from the second")
    is_sent(page, "from the second")
    chat.answer("to both")
    for tab in (page, other):
        expect(tab.get_by_text("to both")).to_be_visible()
        expect(tab.get_by_role("article")).to_have_count(3)
    assert chat.received() == 2


def test_two_tabs_that_open_at_once_are_one_visitor(context: BrowserContext, server: Server, chat: ChatHouse) -> None:
    first, second = context.new_page(), context.new_page()
    for tab in (first, second):
        tab.goto(f"{server.address}/chat", wait_until="commit")
    for tab in (first, second):
        expect(tab.get_by_role("log")).to_have_attribute("aria-busy", "false")
    write(first, "one")
    is_sent(first, "one")
    write(second, "two")
    is_sent(first, "two")


def test_what_is_written_while_the_server_is_away_arrives_once_and_in_order(
    page: Page, server: Server, chat: ChatHouse
) -> None:
    write(page, "before")
    is_sent(page, "before")
    server.stop()
    for text in ("one", "two", "three"):
        write(page, text)
    expect(page.get_by_text("Not sent yet").first).to_be_visible()
    server.start()
    is_sent(page, "three")
    texts = page.get_by_role("article").locator(".bubble").all_text_contents()
    assert texts == ["before", "one", "two", "three"]
    assert chat.received() == 4
    chat.answer("here again")
    expect(page.get_by_text("here again")).to_be_visible()


def test_what_is_written_before_the_page_is_ready_is_sent(
    context: BrowserContext, server: Server, chat: ChatHouse
) -> None:
    page = context.new_page()
    held: list[Route] = []
    page.route("**/chat/web/visits", lambda route: held.append(route))  # noqa: PLW0108 - it wants a function
    page.goto(f"{server.address}/chat")
    write(page, "impatient")
    expect(page.get_by_role("article")).to_contain_text("Sending")
    held[0].continue_()
    is_sent(page, "impatient")
    assert chat.received() == 1


def test_an_unsent_message_survives_closing_the_page(
    page: Page, context: BrowserContext, server: Server, chat: ChatHouse
) -> None:
    write(page, "before")
    is_sent(page, "before")
    server.stop()
    write(page, "kept")
    expect(page.get_by_text("Not sent yet")).to_be_visible()
    page.close()
    server.start()
    again = opened(context, server)
    is_sent(again, "kept")
    assert chat.received() == 2


def test_an_answer_that_is_lost_on_its_way_makes_no_second_message(page: Page, chat: ChatHouse) -> None:
    lost = threading.Event()

    def lose_the_first(route: Route) -> None:
        if lost.is_set():
            route.continue_()
        else:
            lost.set()
            route.fetch()
            route.abort()

    page.route("**/chat/web/messages", lose_the_first)
    write(page, "hello")
    is_sent(page, "hello")
    expect(page.get_by_role("article")).to_have_count(1)
    assert chat.received() == chat.count(Message) == 1


def test_messages_that_came_while_the_machine_was_away_are_there_when_it_is_back(
    page: Page, context: BrowserContext, chat: ChatHouse
) -> None:
    write(page, "hello")
    is_sent(page, "hello")
    context.set_offline(True)
    expect(page.get_by_text("No connection.")).to_be_visible()
    for n in range(60):
        chat.answer(f"while you were away {n}")
    context.set_offline(False)
    expect(page.get_by_text("while you were away 59")).to_be_visible()
    expect(page.get_by_text("while you were away 0", exact=True)).to_be_attached()
    expect(page.get_by_text("No connection.")).not_to_be_visible()


def test_a_page_that_slept_through_a_restart_is_up_to_date_when_it_wakes(
    page: Page, context: BrowserContext, server: Server, chat: ChatHouse
) -> None:
    write(page, "hello")
    is_sent(page, "hello")
    page.get_by_label("Your message").fill("half a sen")
    laptop = context.new_cdp_session(page)
    laptop.send("Page.setWebLifecycleState", {"state": "frozen"})  # no timer runs, nothing is heard
    server.stop()
    chat.answer("while you slept")
    server.start()
    laptop.send("Page.setWebLifecycleState", {"state": "active"})
    expect(page.get_by_text("while you slept")).to_be_visible()
    expect(page.get_by_label("Your message")).to_have_value("half a sen")
    write(page, "awake")
    is_sent(page, "awake")
    assert chat.received() == 2


def test_a_refused_message_can_be_tried_again_or_deleted(page: Page, chat: ChatHouse) -> None:
    refusal = '{"error": "No.", "code": "too_large", "details": {}}'
    page.route(
        "**/chat/web/messages", lambda route: route.fulfill(status=413, body=refusal, content_type="application/json")
    )
    write(page, "first")
    write(page, "second")
    expect(page.get_by_text("larger than 1 MB")).to_have_count(2)
    page.unroute("**/chat/web/messages")
    page.get_by_role("article").filter(has_text="first").get_by_role("button", name="Try again").click()
    is_sent(page, "first")
    page.get_by_role("article").filter(has_text="second").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("article")).to_have_count(1)
    assert chat.received() == 1


def test_files_are_sent_or_refused_with_a_sentence(page: Page, chat: ChatHouse) -> None:
    picker = page.locator("input[type=file]")
    picker.set_input_files({"name": "virus.zip", "mimeType": "application/zip", "buffer": b"PK\x03\x04" + b"\x00" * 50})
    expect(page.get_by_role("alert").filter(has_text="virus.zip cannot be sent here.")).to_be_visible()
    picker.set_input_files({"name": "photo.png", "mimeType": "image/png", "buffer": PNG})
    expect(page.get_by_role("button", name="Remove photo.png")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("img", name="photo.png")).to_be_attached()
    assert chat.count(Message) == 1


def test_a_very_long_text_is_kept_whole_and_said(page: Page) -> None:
    write(page, "long " * 5_000)
    expect(page.get_by_text("Your message was very long")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("whole-message.txt"))).to_be_visible()


def test_five_hundred_messages_are_read_page_by_page_keeping_the_place(page: Page, chat: ChatHouse) -> None:
    write(page, "first of all")
    is_sent(page, "first of all")
    for n in range(500):
        chat.answer(f"number {n}.")
    page.reload()
    expect(page.get_by_text("number 499.")).to_be_in_viewport()
    expect(page.get_by_role("article")).to_have_count(50)
    older = page.get_by_role("button", name="Show older messages")
    older.click()
    expect(page.get_by_role("article")).to_have_count(100)
    expect(page.get_by_text("number 450.")).to_be_in_viewport()
    while older.is_visible():
        before = page.get_by_role("article").count()
        older.click()
        expect(page.get_by_role("article")).not_to_have_count(before)
    expect(page.get_by_role("article")).to_have_count(501)
    chat.answer("one more")
    expect(page.get_by_text("one more")).to_be_attached()
    page.get_by_role("button", name="Show the newest messages").click()
    expect(page.get_by_text("one more")).to_be_in_viewport()


def test_the_page_can_be_read_and_used_without_eyes_or_mouse(page: Page, chat: ChatHouse) -> None:
    log = page.get_by_role("log", name="Conversation")
    expect(log).to_have_attribute("aria-live", "polite")
    page.get_by_label("Your message").focus()
    page.keyboard.type("line one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("line two")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Send")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").first).to_contain_text("You: line one\nline two", use_inner_text=False)
    is_sent(page, "line two")
    chat.answer("See https://example.com/help.")
    expect(page.get_by_role("article").last).to_contain_text("Acme: See")
    expect(page.get_by_role("link", name="https://example.com/help")).to_have_attribute(
        "rel", "noopener noreferrer nofollow"
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_to_mend(started: Browser, server: Server, chat: ChatHouse, theme: Theme) -> None:
    context = started.new_context(bypass_csp=True, color_scheme=theme)  # axe is a script of its own
    page = opened(context, server)
    write(page, "hello")
    is_sent(page, "hello")
    chat.answer("Which one?", choices={"b": "Billing", "s": "Sales"})
    page.get_by_role("button", name="Billing").click()
    is_sent(page, "Billing")
    chat.answer("And now?", choices={"m": "More", "e": "Enough"})
    expect(page.get_by_role("button", name="More")).to_be_visible()
    found = Axe().run(page)
    context.close()
    assert found.response["violations"] == []


@pytest.mark.parametrize("width", [320, 390, 1440])
def test_nothing_sticks_out_at_any_width(page: Page, chat: ChatHouse, width: int) -> None:
    write(page, "x" * 300)
    is_sent(page, "x" * 300)
    chat.answer("Donaudampfschifffahrtsgesellschaft" * 10, choices={"a": "Przedsiębiorstwo" * 8})
    expect(page.get_by_role("article")).to_have_count(2)
    page.set_viewport_size({"width": width, "height": 844})
    sizes = page.evaluate("[document.documentElement.scrollWidth, document.querySelector('.log').scrollWidth]")
    assert max(sizes) <= width


def test_no_content_policy_is_broken_and_no_error_is_logged(
    context: BrowserContext, server: Server, chat: ChatHouse
) -> None:
    page = context.new_page()
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        said.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{server.address}/chat")
    write(page, "hello")
    is_sent(page, "hello")
    chat.answer("<img src=x onerror=alert(1)>", choices={"a": "<b>A</b>"})
    expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()
    expect(page.get_by_role("button", name="<b>A</b>")).to_be_visible()
    assert said == []


@pytest.mark.parametrize(
    ("locale", "label"), [("pl-PL", "Twoja wiadomość"), ("ru-RU", "Ваше сообщение"), ("de-DE", "Your message")]
)
def test_the_page_speaks_the_browsers_language(started: Browser, server: Server, locale: str, label: str) -> None:
    context = started.new_context(locale=locale)
    page = context.new_page()
    page.goto(f"{server.address}/chat")
    expect(page.get_by_label(label)).to_be_visible()
    context.close()
