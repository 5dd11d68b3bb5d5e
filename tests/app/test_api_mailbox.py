"""What the latest look into a mailbox said, by the API."""

import pytest

from app.config import Settings
from app.store import mailboxes
from tests.app.api_client import Api, api

PLACE = {"imap_host": "imap.example.com", "smtp_host": "smtp.example.com", "user": "desk"}
WHY = "imap.example.com refuses the user name or the password."


def looked(client: Api, *, failed: bool) -> None:
    """A worker has looked."""
    with client.installation.house.database.transaction() as session:
        (id_,) = mailboxes.due(session, ["mailbox"])
        assert mailboxes.take(session, id_, 60) == []
        if failed:
            mailboxes.failed(session, id_, "post", WHY, mailboxes.failures(session, id_))
        else:
            mailboxes.looked(session, id_)
    client.installation.move_clock(3_600)


def test_the_latest_look_into_a_mailbox_is_told(settings: Settings) -> None:
    with api(settings) as client:
        client.post("/connections", 201, name="post", kind="mailbox", settings=PLACE, secrets={"password": "x"})
        path = "/connections/post/mailbox"
        fresh = client.get(path)
        nothing = {"connection": "post", "enabled": True, "works": False, "problem": "", "failures": 0}
        assert fresh == {**nothing, "looked_at": None, "next_look_at": None}
        looked(client, failed=False)
        once = client.get(path)
        assert (once["works"], once["problem"], once["failures"]) == (True, "", 0)
        assert once["looked_at"] < once["next_look_at"]
        for count in (1, 2):
            looked(client, failed=True)
            now = client.get(path)
            assert (now["works"], now["problem"], now["failures"]) == (False, WHY, count)
            assert now["looked_at"] == once["looked_at"], "that is when it last worked"
        looked(client, failed=False)
        assert client.get(path)["works"] is True
        client.patch("/connections/post", enabled=False)
        assert client.get(path)["next_look_at"] is None
        refused = client.get("/connections/web-chat/mailbox", 409)
        assert refused["error"] == "Nothing is fetched for “web-chat”: what comes to it is sent to us."
        client.get("/connections/nowhere/mailbox", 404)


@pytest.mark.parametrize("bad", ["x\r\na2 DELETE INBOX", "x\n", "x\x07"])
def test_a_user_or_password_of_more_than_one_line_is_refused_when_it_is_saved(settings: Settings, bad: str) -> None:
    new = {"name": "post", "kind": "mailbox"}
    with api(settings) as client:
        refused = client.post("/connections", 422, **new, settings={**PLACE, "user": bad}, secrets={"password": "x"})
        assert refused["error"] == "User needs to be one line without control characters."
        refused = client.post("/connections", 422, **new, settings=PLACE, secrets={"password": bad})
        assert "as one line" in refused["error"]
        client.post("/connections", 201, **new, settings=PLACE, secrets={"password": 'pass word "\\é'})
        assert "as one line" in client.patch("/connections/post", 422, secrets={"password": bad})["error"]
