"""The chat's doors: each message exactly once, strangers kept out, every refusal a sentence."""

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.config import Settings
from app.models import Address, Contact, Conversation, InboundEvent, Message
from tests.chat_house import ChatHouse, chat_house

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20
KEY = "3f0c4a52-0b3c-4d5e-9a51-0d6f2f1b8d11"


@pytest.fixture
def chat(settings: Settings) -> Iterator[ChatHouse]:
    with chat_house(settings) as house:
        yield house


def test_a_visit_stores_nothing_and_gives_a_token(chat: ChatHouse) -> None:
    answer = chat.client.post("/chat/web/visits", json={})
    assert answer.status_code == 200
    assert answer.get_json()["messages"] == []
    assert answer.get_json()["conversation"]["reference"] == ""
    assert "Set-Cookie" not in answer.headers
    assert chat.count(Contact) == 0


def test_a_message_becomes_one_event_of_a_new_contact(chat: ChatHouse) -> None:
    visit = chat.visit()
    answer = visit.send("hello", KEY, language="pl-PL")
    assert answer.status_code == 200
    body = answer.get_json()
    assert (body["key"], body["shortened"]) == (KEY, False)
    assert body["conversation"].startswith("PB-")
    with chat.house.database.reading() as session:
        event = session.execute(select(InboundEvent)).scalar_one()
        assert (event.kind, event.state) == ("message_received", "waiting")
        assert event.provider_id.endswith(f":{KEY}")
        assert session.execute(select(Contact.language)).scalar_one() == "pl"
        assert session.execute(select(Address.kind)).scalar_one() == "visitor"
    assert [message["key"] for message in visit.messages()["messages"]] == [KEY]


def test_a_repeated_key_gets_the_same_answer_and_one_row(chat: ChatHouse) -> None:
    visit = chat.visit()
    first, second = visit.send("hello", KEY), visit.send("hello again", KEY.upper())
    assert second.status_code == 200
    assert first.get_json() == second.get_json()
    assert chat.count(Message) == chat.count(InboundEvent) == 1


def test_the_same_message_ten_times_in_parallel_is_one_row(chat: ChatHouse) -> None:
    visit = chat.visit()
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(visit.send("hi", KEY).get_json())) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 10
    assert all(answer == answers[0] for answer in answers)
    assert chat.count(InboundEvent) == chat.count(Conversation) == chat.count(Contact) == 1


def test_two_visitors_may_use_the_same_key(chat: ChatHouse) -> None:
    assert chat.visit().send("a", KEY).get_json()["id"] != chat.visit().send("b", KEY).get_json()["id"]


def test_a_visitor_sees_only_what_is_theirs(chat: ChatHouse) -> None:
    mine, other = chat.visit(), chat.visit()
    mine.send("my secret")
    assert other.messages()["messages"] == []
    assert [message["text"] for message in mine.messages()["messages"]] == ["my secret"]


def test_the_token_brings_a_visitor_back(chat: ChatHouse) -> None:
    visit = chat.visit()
    visit.send("hello")
    again = chat.visit(token=visit.token)
    assert [message["text"] for message in again.messages()["messages"]] == ["hello"]


def test_a_token_ends_after_180_days_unless_the_visitor_returns(chat: ChatHouse) -> None:
    visit = chat.visit()
    visit.send("hello")
    chat.move_clock(179 * 86_400)
    renewed = chat.visit(token=visit.token)
    chat.move_clock(2 * 86_400)
    assert visit.post("tickets").status_code == 401
    assert renewed.post("tickets").status_code == 200
    assert chat.visit(token=visit.token).messages()["messages"] == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"key": KEY, "text": "   "}, 400, "empty"),
        ({"key": KEY}, 400, "empty"),
        ({"key": "not-a-uuid", "text": "a"}, 400, "bad_field"),
        ({"text": "a"}, 400, "bad_field"),
        ({"key": 7, "text": "a"}, 400, "bad_field"),
        ({"key": KEY, "text": 7}, 400, "bad_field"),
        ({"key": KEY, "text": ["a"]}, 400, "bad_field"),
        ({"key": KEY, "text": "a", "choice": "x" * 201}, 400, "bad_field"),
        ({"key": KEY, "text": "a", "files": "x"}, 400, "bad_field"),
        ({"key": KEY, "text": "a", "files": ["x"]}, 400, "bad_field"),
        ({"key": KEY, "text": "a", "files": [{"file": "1.forged", "name": "a"}]}, 400, "file_unknown"),
        ({"key": KEY, "text": "a", "files": [{"file": "999999999999999999999.x"}]}, 400, "file_unknown"),
        ({"key": KEY, "text": "a", "files": [{}] * 11}, 400, "bad_field"),
        ({"key": KEY, "text": "a", **{f"f{n}": 1 for n in range(100)}}, 400, "too_many_fields"),
        ([1, 2], 400, "not_an_object"),
        ("text", 400, "not_an_object"),
        ({"key": KEY, "text": "a" * 1_000_001}, 413, "too_large"),
    ],
)
def test_a_bad_message_is_refused_with_a_sentence(chat: ChatHouse, body: object, status: int, code: str) -> None:
    visit = chat.visit()
    headers = {"Authorization": f"Bearer {visit.token}"}
    answer = chat.client.post("/chat/web/messages", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    data = answer.get_json()
    assert data["code"] == code
    assert data["error"].endswith(".")
    assert isinstance(data["details"], dict)
    assert chat.count(InboundEvent) == 0


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "bad_request"),
        (b"null", "application/json", 400, "not_an_object"),
        (b"\xff\xfe", "application/json", 400, "bad_request"),
        (b"[" * 100_000, "application/json", 400, "not_an_object"),
        (b"text=hello", "application/x-www-form-urlencoded", 415, "not_json"),
        (b"", "", 415, "not_json"),
    ],
)
def test_a_body_that_is_no_json_is_refused(
    chat: ChatHouse, data: bytes, content_type: str, status: int, code: str
) -> None:
    headers = {"Authorization": f"Bearer {chat.visit().token}"}
    answer = chat.client.post("/chat/web/messages", data=data, content_type=content_type, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "token_missing"),
        ("Bearer", "token_missing"),
        ("Basic abc", "token_missing"),
        ("Bearer x", "token_refused"),
        ("Bearer e30.aaaa", "token_refused"),
        ("Bearer " + "é" * 100, "token_refused"),
        ("Bearer " + "x" * 10_000, "token_refused"),
    ],
)
def test_nobody_gets_in_without_a_token_of_ours(chat: ChatHouse, authorization: str | None, code: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = chat.client.post("/chat/web/messages", json={"key": KEY, "text": "a"}, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, code)


def test_a_changed_token_is_refused(chat: ChatHouse) -> None:
    first, second = chat.visit().token, chat.visit().token
    mixed = first.partition(".")[0] + "." + second.partition(".")[2]
    answer = chat.client.post("/chat/web/tickets", json={}, headers={"Authorization": f"Bearer {mixed}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("number", ["nothing", "support line", "%00", "a" * 500])
def test_an_unknown_chat_is_a_clear_404(chat: ChatHouse, number: str) -> None:
    answer = chat.client.post(f"/chat/{number}/visits", json={})
    assert (answer.status_code, answer.get_json()["code"]) == (404, "no_chat")
    assert chat.client.get(f"/chat/{number}").status_code == 404


def test_a_long_text_is_cut_and_kept_whole_as_a_file(chat: ChatHouse) -> None:
    visit = chat.visit()
    text = "zażółć " * 15_000
    assert visit.send(text).get_json()["shortened"] is True
    message = visit.messages()["messages"][0]
    assert message["text"] == text[:20_000]
    assert chat.client.get(message["media"][0]["url"]).data.decode() == text


@pytest.mark.parametrize(
    "text", ["👩‍👩‍👧 ok", "שלום, מה שלומך?", "مرحبا", "a\u202eb", "line\nline", "{{ 7*7 }}", "<b>x</b>"]
)
def test_any_script_comes_back_as_it_was_written(chat: ChatHouse, text: str) -> None:
    visit = chat.visit()
    assert visit.send(text).status_code == 200
    assert visit.messages()["messages"][0]["text"] == text


def test_what_databases_refuse_is_replaced(chat: ChatHouse) -> None:
    visit = chat.visit()
    headers = {"Authorization": f"Bearer {visit.token}", "Content-Type": "application/json"}
    body = f'{{"key": "{KEY}", "text": "a\\u0000b\\ud800c"}}'
    assert chat.client.post("/chat/web/messages", data=body, headers=headers).status_code == 200
    assert visit.messages()["messages"][0]["text"] == "a\ufffdb\ufffdc"


def test_a_choice_is_kept_with_its_label(chat: ChatHouse) -> None:
    visit = chat.visit()
    visit.send("Billing", choice="billing")
    with chat.house.database.reading() as session:
        assert '"choice":"billing"' in session.execute(select(InboundEvent.happened)).scalar_one()


def test_accepted_files_go_with_a_message(chat: ChatHouse) -> None:
    visit = chat.visit()
    uploaded = visit.upload(PNG).get_json()
    assert uploaded["media_type"] == "image/png"
    assert visit.send("", files=[{"file": uploaded["file"], "name": "../../etc/my photo.png"}]).status_code == 200
    media = visit.messages()["messages"][0]["media"]
    assert [(item["name"], item["media_type"], item["size_bytes"]) for item in media] == [
        ("my photo.png", "image/png", len(PNG))
    ]


def test_a_file_of_somebody_else_cannot_be_named(chat: ChatHouse) -> None:
    handle = chat.visit().upload(PNG).get_json()["file"]
    answer = chat.visit().send("look", files=[{"file": handle, "name": "x"}])
    assert (answer.status_code, answer.get_json()["code"]) == (400, "file_unknown")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"PK\x03\x04" + b"\x00" * 100, 415, "file_type"),
        (b"MZ\x90\x00\x03", 415, "file_type"),
        (b"\xff\xfe\xfd\xfc", 415, "file_type"),
        (b"", 400, "empty"),
        (b"a" * (16 * 1024 * 1024 + 1), 413, "too_large"),
    ],
    ids=["zip", "program", "not text", "empty", "too large"],
)
def test_an_unaccepted_file_is_refused_with_a_sentence(chat: ChatHouse, content: bytes, status: int, code: str) -> None:
    answer = chat.visit().upload(content)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert answer.get_json()["error"].endswith(".")


def test_a_page_of_html_is_only_ever_plain_text(chat: ChatHouse) -> None:
    visit = chat.visit()
    handle = visit.upload(b"<script>alert(1)</script>").get_json()["file"]
    visit.send("look", files=[{"file": handle, "name": "page.html"}])
    file = chat.client.get(visit.messages()["messages"][0]["media"][0]["url"])
    assert file.mimetype == "text/plain"
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert file.headers["X-Content-Type-Options"] == "nosniff"


def test_a_visitor_who_sends_without_end_is_slowed_down(chat: ChatHouse) -> None:
    visit = chat.visit()
    answers = [visit.post("messages", key=str(uuid.uuid4()), text="") for _ in range(70)]
    slowed = [answer for answer in answers if answer.status_code == 429]
    assert slowed
    assert int(slowed[0].headers["Retry-After"]) >= 1
    assert slowed[0].get_json()["code"] == "too_often"
    assert chat.visit().send("another visitor is not").status_code == 200


def test_older_messages_come_page_by_page(chat: ChatHouse) -> None:
    visit = chat.visit()
    visit.send("first")
    for n in range(120):
        chat.answer(f"message {n}")
    shown: list[Any] = []
    before = pages = 0
    while True:
        page = visit.messages(before)
        shown = [*page["messages"], *shown]
        pages += 1
        if not page["more"]:
            break
        before = shown[0]["id"]
    assert pages == 3
    assert [message["text"] for message in shown] == ["first", *(f"message {n}" for n in range(120))]


def test_messages_that_have_not_left_are_not_shown(chat: ChatHouse) -> None:
    visit = chat.visit()
    visit.send("hello")
    for rank in (1, 2, 3, 5):
        chat.answer(f"rank {rank}", rank=rank)
    chat.answer("sent", rank=4)
    assert [message["text"] for message in visit.messages()["messages"]] == ["hello", "sent"]


def test_an_address_that_would_run_a_script_is_left_out(chat: ChatHouse) -> None:
    visit = chat.visit()
    visit.send("hello")
    chat.answer("see", media=[{"media_type": "image/png", "url": "javascript:alert(1)"}])
    assert visit.messages()["messages"][1]["media"][0]["url"] == ""


@pytest.mark.inconsistent  # what is handled by hand here is answered by nobody
def test_states_of_ones_own_messages_follow_their_handling(chat: ChatHouse) -> None:
    visit = chat.visit()
    visit.send("hello")
    assert [message["state"] for message in visit.messages()["messages"]] == ["received"]
    assert visit.messages()["conversation"]["typing"] is True
    chat.handle_all()
    assert [message["state"] for message in visit.messages()["messages"]] == ["read"]
    assert visit.messages()["conversation"]["typing"] is False


def test_receipts_become_reports_once_for_each_message_and_state(chat: ChatHouse) -> None:
    visit = chat.visit()
    visit.send("hello")
    last = [chat.answer(f"answer {n}") for n in range(3)][-1]
    assert visit.post("receipts", up_to=last).get_json() == {"noted": 3}
    visit.post("receipts", up_to=last)
    visit.post("receipts", up_to=last, read=True)
    with chat.house.database.reading() as session:
        kinds = session.execute(select(InboundEvent.provider_id).where(InboundEvent.kind == "message_status")).scalars()
        assert sorted(kind.rpartition(":")[2] for kind in kinds) == ["6"] * 3 + ["7"] * 3


@pytest.mark.parametrize("up_to", [None, "1", -1, 1.5, True, 2**70])
def test_a_receipt_for_no_message_is_refused(chat: ChatHouse, up_to: object) -> None:
    assert chat.visit().post("receipts", up_to=up_to).get_json()["code"] == "bad_field"


def test_a_database_that_is_away_is_a_503_and_a_sentence(chat: ChatHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    visit = chat.visit()

    def away() -> None:
        raise OperationalError("BEGIN", {}, OSError("connection refused"))

    monkeypatch.setattr(chat.house.database, "transaction", away)
    answer = visit.send("hello")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "2"
