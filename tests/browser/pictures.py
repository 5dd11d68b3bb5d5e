"""Makes the pictures of the screens, in both themes and sizes: `python -m tests.browser.pictures [SCENE …]`."""

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page

from app.config import Settings
from app.files import store_file
from examples.customer_api import CUSTOMERS
from flows import document
from flows.expression import Template
from tests.browser import form_scenes, people_scenes, run_scenes
from tests.browser.live_chat import Server, browser, chromium_path, live_chat, serving, site
from tests.chat_house import ChatHouse

PICTURES = Path(__file__).parent / "pictures"
EXAMPLE = Path("examples/flows/vip_messages.json")
SIZES = {"1440x900": (1440, 900), "390x844": (390, 844)}
LONG_NAME = "Przedsiębiorstwo Usługowo-Handlowe Donaudampfschifffahrt GmbH"
LONG_TEXT = (
    "Guten Tag, meine Donaudampfschifffahrtsgesellschaftskapitänsmützenbestellung ist noch nicht angekommen.\n\n"
    "Konstantynopolitańczykowianeczka też czeka. Zamówienie złożyłam trzy tygodnie temu, numer 00481516234200.\n"
    "See https://shop.example.com/orders/2026-11-00481516234200/tracking?carrier=parcel&language=pl for all of it."
)


def main(names: Sequence[str]) -> int:
    """Makes the pictures of these scenes, or of all; the exit code."""
    program = chromium_path()
    if program is None:
        print("There is no chromium on PATH.", file=sys.stderr)  # noqa: T201 - a program for people
        return 1
    PICTURES.mkdir(exist_ok=True)
    with browser(program) as started:
        for name in names or SCENES:
            with tempfile.TemporaryDirectory() as folder:
                settings = Settings.from_environment({"PATCHBAY_DATA": folder})
                with live_chat(settings) as (chat, server):
                    _take(started, name, SCENES[name], chat, server)
    return 0


def _take(
    started: Browser, name: str, scene: Callable[[Page, ChatHouse, Server], None], chat: ChatHouse, server: Server
) -> None:
    """One scene in the first theme and size, then the same page in the others."""
    context = started.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce", locale="en-GB")
    page = context.new_page()
    scene(page, chat, server)
    for theme in ("light", "dark"):
        for size, (width, height) in SIZES.items():
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(150)
            page.screenshot(path=PICTURES / f"{name}-{size}-{theme}.png")
    context.close()


def empty(page: Page, chat: ChatHouse, server: Server) -> None:
    """Before the first message."""
    page.goto(f"{server.address}/chat")
    page.get_by_text("Hello, how can we help?").wait_for()


def usual(page: Page, chat: ChatHouse, server: Server) -> None:
    """A short conversation with choices, one open."""
    page.goto(f"{server.address}/chat")
    _write(page, "Hello, where is my order?")
    chat.handle_all()
    chat.answer("Hello Anna. Which order is it about?", choices={"a": "4711, boots", "b": "4712, a hat"})
    page.get_by_role("button", name="4711, boots").click()
    page.locator("article.own .state", has_text="Sent").last.wait_for(state="attached")
    chat.handle_all()
    chat.answer("It left our warehouse this morning and arrives tomorrow before noon.")
    chat.answer("Shall I connect you with somebody?", choices={"y": "Yes, please", "n": "No, thank you"})
    page.get_by_role("button", name="Yes, please").wait_for()
    page.wait_for_timeout(1_500)


def typing(page: Page, chat: ChatHouse, server: Server) -> None:
    """Somebody is at work."""
    page.goto(f"{server.address}/chat")
    _write(page, "Is my parcel here?")
    page.locator(".typing .dot").first.wait_for()


def overfull(page: Page, chat: ChatHouse, server: Server) -> None:
    """Long names and words, 500 messages."""
    chat.change_settings(title=LONG_NAME)
    page.goto(f"{server.address}/chat")
    _write(page, "first")
    for n in range(480):
        chat.answer(f"Message {n}")
    chat.handle_all()
    chat.answer(LONG_TEXT, author="agent")
    chat.answer("Choose:", choices={str(n): f"{LONG_NAME[: 10 + n * 12]}" for n in range(5)})
    page.get_by_role("button", name=LONG_NAME[:58]).wait_for()
    _write(page, LONG_TEXT)
    page.wait_for_timeout(1_500)


def scripts(page: Page, chat: ChatHouse, server: Server) -> None:
    """Right-to-left text, emoji, a picture and a file with a long name."""
    page.goto(f"{server.address}/chat")
    _write(page, "שלום, איפה ההזמנה שלי? 🙂")
    with chat.house.database.transaction() as session:
        picture = store_file(session, (PICTURES / "chat-empty-390x844-light.png").read_bytes())
        pdf = store_file(session, b"%PDF-1.7" + b"x" * 348_160)
    chat.handle_all()
    chat.answer("مرحبا، وصلت طلبيتك رقم 4711 إلى المستودع. שלום, הגיעה ההזמנה 👩‍👩‍👧‍👦🎉")
    media = [
        {"media_type": "image/png", "name": "screen.png", "file": str(picture), "size_bytes": 20_480},
        {
            "media_type": "application/pdf",
            "name": "Rechnung-" + "2026-" * 12 + ".pdf",
            "file": str(pdf),
            "size_bytes": 348_168,
        },
    ]
    chat.answer("", media=media)
    page.get_by_role("link", name="Rechnung").wait_for()


def failed(page: Page, chat: ChatHouse, server: Server) -> None:
    """A message that was refused, and one that waits for the connection."""
    page.goto(f"{server.address}/chat")
    _write(page, "Hello")
    chat.handle_all()
    chat.answer("Good morning, how can we help?")
    page.get_by_text("Good morning").wait_for()
    refusal = json.dumps({"error": "This message is larger than 1 MB.", "code": "too_large", "details": {}})
    page.route(
        "**/chat/web/messages", lambda route: route.fulfill(status=413, body=refusal, content_type="application/json")
    )
    _write(page, "Here is the whole log of my machine", arrives=False)
    page.get_by_text("Not sent", exact=True).wait_for()
    page.unroute("**/chat/web/messages")
    page.context.set_offline(True)
    _write(page, "Are you still there?", arrives=False)
    page.get_by_text("Not sent yet").wait_for()


def refused(page: Page, chat: ChatHouse, server: Server) -> None:
    """A chat that does not exist."""
    page.goto(f"{server.address}/chat/nothing")


def nothing_here(page: Page, chat: ChatHouse, server: Server) -> None:
    """An address that leads nowhere."""
    page.goto(f"{server.address}/flows/7")


def embedded(page: Page, chat: ChatHouse, server: Server) -> None:
    """The panel on another site."""
    context = serving(site(server.address))
    host = context.__enter__()  # stays up while the pictures are taken; it ends with the program
    chat.change_settings(allowed_origins=[host.address], title="Acme shop")
    page.goto(host.address)
    page.get_by_role("button", name="Open the chat").click()
    frame = page.frame_locator("iframe")
    frame.get_by_label("Your message").fill("Do you have boots in 47?")
    frame.get_by_role("button", name="Send").click()
    frame.get_by_text("Sent", exact=True).wait_for(state="attached")
    chat.handle_all()
    chat.answer("We do. Black or brown?", choices={"b": "Black", "w": "Brown"})
    frame.get_by_role("button", name="Brown").wait_for()
    page.wait_for_timeout(1_200)


def _write(page: Page, text: str, *, arrives: bool = True) -> None:
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")
    written = page.locator("article.own", has_text=text.split("\n", maxsplit=1)[0]).last
    (written.locator("css=.state", has_text="Sent") if arrives else written).wait_for(state="attached")


def example(page: Page, chat: ChatHouse, server: Server) -> None:
    """What the README tells a newcomer to write, and what the example flow answers."""
    chat.change_settings(title="Patchbay")
    steps = document.read(EXAMPLE.read_bytes()).steps
    page.goto(f"{server.address}/chat")
    _write(page, "hello")
    chat.handle_all()
    chat.answer(str(steps["ask"].config["text"]["en"]))
    _write(page, "+48 500 100 100")
    chat.handle_all()
    words = Template.compile(str(steps["platinum"].config["waiting_text"]["en"]))
    chat.answer(words.render({"customer_name": str(CUSTOMERS["+48500100100"]["name"])}).text)
    page.get_by_text("You are a platinum customer").wait_for()
    page.wait_for_timeout(1_500)


SCENES: dict[str, Callable[[Page, ChatHouse, Server], None]] = {
    "chat-example": example,
    "chat-empty": empty,
    "chat-usual": usual,
    "chat-typing": typing,
    "chat-overfull": overfull,
    "chat-scripts": scripts,
    "chat-failed": failed,
    "chat-refused": refused,
    "chat-embedded": embedded,
    "nothing-here": nothing_here,
    **people_scenes.SCENES,
    **run_scenes.SCENES,
    **form_scenes.SCENES,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
