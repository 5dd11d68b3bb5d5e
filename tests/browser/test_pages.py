"""The house's own few pages in a real browser: the one-time link, and what leads nowhere."""

import re
from typing import Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, expect

from app.accounts.first_link import make_first_link
from app.accounts.people import Newcomer, add_person
from app.accounts.roles import Role
from tests.app.people_house import PASSWORD
from tests.browser import form_scenes, people_scenes, run_scenes
from tests.browser.live_chat import Server
from tests.chat_house import ChatHouse

Theme = Literal["light", "dark"]


def link_of(chat: ChatHouse) -> str:
    with chat.house.database.transaction() as session:
        return f"/first/{make_first_link(session, 'tests')}"


def join_as(chat: ChatHouse, name: str) -> None:
    with chat.house.database.transaction() as session:
        add_person(session, Newcomer("jan@example.com", name, ""), "no password", Role.AGENT)


def test_the_one_time_link_makes_an_owner_who_invites_and_makes_tokens(
    context: BrowserContext, started: Browser, server: Server, chat: ChatHouse
) -> None:
    link, page = link_of(chat), context.new_page()
    page.goto(server.address + link)
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Become the owner").click()
    expect(page.get_by_label("Password")).to_have_accessible_description(re.compile("at least 10 characters"))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Become the owner").click()
    expect(page.get_by_role("heading")).to_have_text("Hello, Ada Lovelace")

    page.get_by_role("navigation").get_by_role("link", name="People").click()
    page.get_by_label("E-mail address").fill("jan@example.com")
    page.get_by_label("Role", exact=True).select_option(label="Admin")
    page.get_by_role("button", name="Make the link").click()
    invitation = urlsplit(page.get_by_label("The link").input_value()).path
    guest = started.new_context().new_page()
    guest.goto(server.address + invitation)
    guest.get_by_label("Your name").fill("Jan")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Join").click()
    expect(guest.get_by_role("link", name="Jan")).to_be_visible()

    page.reload()
    role = page.get_by_label("Role of Jan", exact=True)
    save = page.get_by_role("button", name="Save the role of Jan")
    expect(save).to_be_hidden()  # until there is something to save
    role.select_option(label="Viewer")
    save.click()
    expect(page.get_by_role("status")).to_contain_text("The role was changed")
    guest.reload()
    expect(guest.get_by_role("heading")).to_have_text("Sign in")

    page.get_by_role("navigation").get_by_role("link", name="API tokens").click()
    page.get_by_label("Name", exact=True).fill("reports")
    page.get_by_label("Read flows and versions").check()
    page.get_by_role("button", name="Make the token").click()
    token = page.get_by_label("The token").input_value()
    answer = guest.request.get(f"{server.address}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["rights"] == ["read_flows"]
    guest.context.close()


def test_the_pages_for_people_work_without_script(started: Browser, server: Server, chat: ChatHouse) -> None:
    context = started.new_context(java_script_enabled=False)
    page = context.new_page()
    people_scenes.SCENES["people-failed"](page, chat, server)
    page.get_by_label("More about Jan Nowak").click()
    page.get_by_role("button", name="Remove Jan Nowak").click()
    expect(page.get_by_role("status")).to_contain_text("was removed")
    expect(page.get_by_text("jan@example.com")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading")).to_have_text("Sign in")
    context.close()


def test_the_pages_for_people_are_walked_by_keyboard(context: BrowserContext, server: Server, chat: ChatHouse) -> None:
    page = context.new_page()
    people_scenes.SCENES["people-empty"](page, chat, server)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_label("E-mail address").fill("nonsense@nowhere")
    page.keyboard.press("Enter")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    expect(page.get_by_label("E-mail address")).to_have_accessible_description(re.compile("no e-mail address"))
    join_as(chat, "Jan Nowak")
    page.goto(f"{server.address}/people")
    page.get_by_label("More about Jan Nowak").press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Make a link for a new password").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label("More about Jan Nowak")).to_be_focused()
    expect(page.get_by_role("button", name="Remove Jan Nowak")).to_be_hidden()


def test_a_run_is_heard_as_it_is_seen_and_walked_by_keyboard(
    context: BrowserContext, server: Server, chat: ChatHouse
) -> None:
    page = context.new_page()
    run_scenes.run_overfull(page, chat, server, steps=60)
    expect(page.get_by_role("region", name="Failed")).to_contain_text(run_scenes.LONG_SENTENCE)
    rows = page.get_by_role("region", name="Steps").get_by_role("row")
    expect(rows).to_have_count(51)
    expect(rows.last.get_by_role("rowheader")).to_have_text(f"{people_scenes.LONG_NAME} 59")
    page.get_by_role("link", name="To the content").press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Earlier steps")).to_be_focused()
    page.keyboard.press("Enter")
    expect(rows).to_have_count(11)
    expect(page.get_by_role("link", name="Earlier steps")).to_have_count(0)
    page.get_by_role("link", name="Latest steps").press("Enter")
    expect(rows).to_have_count(51)


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
    for path in ("/nothing", "/chat/nothing", "/first/used", link):
        page.goto(server.address + path)
        assert Axe().run(page).response["violations"] == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_to_mend_on_the_pages_for_people(
    started: Browser, server: Server, chat: ChatHouse, theme: Theme
) -> None:
    context = started.new_context(bypass_csp=True, color_scheme=theme, viewport={"width": 390, "height": 844})
    page = context.new_page()
    scenes = {name: people_scenes.SCENES[name] for name in ("sign-in-failed", "invitation", "tokens-usual", "account")}
    scenes |= {"run-waiting": run_scenes.run_waiting, "form-overfull": form_scenes.form_overfull}
    scenes["run-overfull"] = lambda page, chat, server: run_scenes.run_overfull(page, chat, server, steps=7)
    scenes["people"] = lambda page, chat, server: people_scenes.people_overfull(page, chat, server, rows=7)
    for name, scene in scenes.items():
        context.clear_cookies()
        scene(page, chat, server)
        assert Axe().run(page).response["violations"] == [], name
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    context.close()
