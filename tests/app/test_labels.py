"""Labels of a conversation: what flows say, what people read, and that two turns lose none."""

import pytest

from tests.app.drawn import asks, drawn, forwards, placed, starts_with
from tests.app.house import Runtime


def labels(to: str, **config: object) -> dict[str, object]:
    return placed("label_conversation", config, next=to)


def test_a_category_and_result_replace_and_tags_are_added(room: Runtime) -> None:
    steps = {
        "in": starts_with("keys", "first"),
        "first": labels("ask", category="Support / Hardware", tags=["{{ message.text }}", "new"]),
        "ask": asks("Which?", to="second", variable="model"),
        "second": labels("end", category="Support / Printers", tags=["{{ model }}", "urgent", "new"], result="open"),
    }
    room.publish(drawn("Labels", steps))
    put = room.write("printer")
    room.drive()
    row = room.conversation(put.conversation_id)
    assert (row["category"], row["tags"], row["result"]) == ("Support / Hardware", '["printer","new"]', "")
    room.write("LP-9")
    room.drive()
    row = room.conversation(put.conversation_id)
    assert (row["category"], row["result"]) == ("Support / Printers", "open")
    assert row["tags"] == '["printer","LP-9","urgent","new"]'


@pytest.mark.parametrize("label", ["x" * 201, "{{ message.text * 5 }}"])
def test_a_label_that_cannot_be_given_fails_the_step_and_labels_nothing(room: Runtime, label: str) -> None:
    steps = {"in": starts_with("keys", "it"), "it": labels("end", tags=["ok"], result=label)}
    room.publish(drawn("Labels", steps))
    put = room.write("hello")
    room.drive()
    assert room.conversation(put.conversation_id)["tags"] == "[]"
    assert room.outcomes() == ["failed"]


@pytest.mark.parametrize(("noted", "result"), [("repaired", "repaired"), ("", "open")])
def test_what_people_note_when_they_close_is_the_result(room: Runtime, noted: str, result: str) -> None:
    steps = {"in": starts_with("keys", "it"), "it": labels("people", result="open"), "people": forwards()}
    room.publish(drawn("Labels", steps))
    put = room.write("hello")
    room.drive()
    room.act(put.conversation_id, "agent_closed", result=noted)
    room.drive()
    assert room.conversation(put.conversation_id)["result"] == result
    assert room.outcomes() == ["completed"]
