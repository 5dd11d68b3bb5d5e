"""The chat's page and script: who may show them, and that nothing foreign runs in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from app.config import Settings
from app.models import Connection
from app.web import chat_page
from tests.chat_house import ChatHouse, chat_house

SHOP = "https://shop.example.com"


@pytest.fixture
def chat(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatHouse]:
    (tmp_path / "chat.js").write_text("1")
    (tmp_path / "embed.js").write_text("2")
    monkeypatch.setattr(chat_page, "DIST", tmp_path)
    with chat_house(settings) as house:
        house.change_settings(allowed_origins=[SHOP, "https://bad;script-src *", 7, "SHOP.example.org"])
        yield house


def test_chat_is_the_first_chat_and_each_has_an_address(chat: ChatHouse) -> None:
    for address in ("/chat", "/chat/web"):
        page = chat.client.get(address)
        assert page.status_code == 200
        assert 'data-number="web"' in page.text
        assert 'data-title="Acme"' in page.text


def test_the_page_runs_only_our_script_and_is_framed_only_by_allowed_sites(chat: ChatHouse) -> None:
    page = chat.client.get("/chat/web")
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert f"frame-ancestors 'self' {SHOP}" in policy
    assert "style=" not in page.text
    assert "X-Frame-Options" not in page.headers


def test_a_name_of_a_company_is_only_ever_text(chat: ChatHouse) -> None:
    chat.change_settings(title='<script>alert("x")</script>', greeting={"en": '"><img src=x>'})
    page = chat.client.get("/chat/web").text
    assert page.count("<script") == 1
    assert "<img" not in page


@pytest.mark.parametrize(
    ("destination", "referer", "status"),
    [
        ("document", "https://elsewhere.example.net/page", 200),  # a plain link
        ("iframe", f"{SHOP}/cart", 200),
        ("iframe", "http://localhost/help", 200),  # our own origin
        ("iframe", "https://elsewhere.example.net/page", 403),
        ("iframe", "https://shop.example.com.evil.net/", 403),
        ("iframe", "http://shop.example.com/", 403),
        ("iframe", "nonsense", 403),
        ("iframe", None, 200),  # frame-ancestors decides
        (None, "https://elsewhere.example.net/page", 200),
    ],
)
def test_a_site_that_may_not_frame_the_chat_is_told_so(
    chat: ChatHouse, destination: str | None, referer: str | None, status: int
) -> None:
    headers = {"Sec-Fetch-Dest": destination, "Referer": referer}
    page = chat.client.get("/chat/web", headers={name: value for name, value in headers.items() if value})
    assert page.status_code == status
    if status == 403:
        assert "This site may not show the chat" in page.text


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://localhost", 200),
        ("https://localhost", 200),  # behind a proxy that speaks https
        ("http://127.0.0.1:8000", 200),  # PUBLIC_URL
        (SHOP, 200),
        ("https://elsewhere.example.net", 403),
        ("null", 403),
        ("http://localhost:81", 403),
        ("https://user@localhost", 403),
    ],
)
def test_what_does_something_must_come_from_an_allowed_origin(chat: ChatHouse, origin: str | None, status: int) -> None:
    headers = {"Origin": origin} if origin else {}
    answer = chat.client.post("/chat/web/visits", json={}, headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.get_json()["code"] == "origin_refused"


def test_other_doors_look_at_the_origin_too(chat: ChatHouse) -> None:
    visit = chat.visit()
    visit.headers = {"Origin": "https://elsewhere.example.net"}
    for answer in (visit.send("hello"), visit.post("tickets"), visit.upload(b"text"), visit.post("receipts", up_to=1)):
        assert (answer.status_code, answer.get_json()["code"]) == (403, "origin_refused")


def test_the_script_for_other_sites_may_be_loaded_by_them(chat: ChatHouse) -> None:
    script = chat.client.get("/chat/embed.js")
    assert (script.status_code, script.mimetype) == (200, "text/javascript")
    assert script.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    script.close()


def test_a_connection_that_is_off_has_no_chat(chat: ChatHouse) -> None:
    with chat.house.database.transaction() as session:
        session.execute(update(Connection).values(enabled=False))
    assert chat.client.get("/chat").status_code == 404
    assert chat.client.post("/chat/web/visits", json={}).status_code == 404


def test_pages_that_were_not_built_are_a_clear_503(chat: ChatHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_page, "DIST", Path("/nowhere"))
    page = chat.client.get("/chat/web")
    assert page.status_code == 503
    assert "make static/dist" in page.text


@pytest.mark.parametrize(
    ("address", "accepts", "language"),
    [
        ("/chat/web", "pl,en;q=0.5", "pl"),
        ("/chat/web", "ru-RU", "ru"),
        ("/chat/web", "de", "en"),
        ("/chat/web?language=pl", "ru", "pl"),
        ("/chat/web?language=xx", "ru", "ru"),
    ],
)
def test_the_page_speaks_the_visitors_language(chat: ChatHouse, address: str, accepts: str, language: str) -> None:
    page = chat.client.get(address, headers={"Accept-Language": accepts})
    assert f'<html lang="{language}">' in page.text
