"""The API's files: an editor's pictures and sounds are listed, named and taken away; those of conversations stay."""

import uuid

from app.config import Settings
from app.files import store_file
from tests.app.api_client import Api, api

PNG, WAV, PDF, GIF = (
    b"\x89PNG\r\n\x1a\n" + b"x" * 50,
    b"RIFF\0\0\0\0WAVEfmt " + b"\0" * 50,
    b"%PDF-1.7 " + b"x" * 50,
    b"GIF89a" + b"x" * 50,
)


def upload(client: Api, content: bytes, name: str) -> int:
    """The id of a file with a name."""
    made = client.ask("POST", "/files", 201, data=content)
    assert client.patch(f"/files/{made['id']}", name=name)["name"] == name
    return int(made["id"])


def listed(client: Api, query: str = "") -> list[str]:
    return [one["name"] for one in client.get(f"/files?{query}")["items"]]


def test_uploaded_files_are_listed_and_what_contacts_sent_only_once_somebody_uploads_it(settings: Settings) -> None:
    with api(settings) as client:
        with client.installation.house.database.transaction() as session:
            store_file(session, b"\xff\xd8\xff from a contact")
        for content, name in ((PNG, "Logo.png"), (WAV, "welcome 100%.wav"), (PDF, "price list.pdf")):
            upload(client, content, name)
        assert listed(client) == ["price list.pdf", "welcome 100%.wav", "Logo.png"]
        for query, names in (
            ("sort=audio", ["welcome 100%.wav"]),
            ("sort=image", ["Logo.png"]),
            ("sort=document", ["price list.pdf"]),
            ("sort=video", []),
            ("name=logo", ["Logo.png"]),
            ("name=%25", ["welcome 100%.wav"]),
        ):
            assert listed(client, query) == names, query
        first = client.get("/files?limit=2")
        assert listed(client, f"limit=2&after={first['next']}") == ["Logo.png"]
        one = first["items"][0]
        assert (one["uploaded_by"], one["media_type"], one["size_bytes"]) == ("tests", "application/pdf", len(PDF))
        client.get("/files?sort=secret", 422)
        with client.installation.house.database.transaction() as session:
            number = store_file(session, GIF, "from a contact.gif")
        assert client.patch(f"/files/{number}", 409, name="mine")["code"] == "in_use"
        assert client.delete(f"/files/{number}", 409)["code"] == "in_use"
        assert client.ask("POST", "/files", 201, data=GIF)["id"] == number
        assert listed(client, "limit=2") == ["from a contact.gif", "price list.pdf"]


def test_a_file_goes_when_nobody_needs_it_and_stays_where_somebody_does(settings: Settings) -> None:
    with api(settings) as client:
        number = upload(client, PNG, "logo.png")
        document = client.get("/flows/VIP%20messages")["document"]
        step = next(one for one in document["steps"].values() if one["type"] == "send_message")
        step["config"]["media"] = [{"file": client.get(f"/files/{number}")["sha256"]}]
        client.post("/flows", 201, document={**document, "name": "With a picture"})
        refused = client.delete(f"/files/{number}", 409)
        assert (refused["code"], refused["details"]) == ("in_use", {"uses": ["the flow “With a picture”"]})
        other = upload(client, WAV, "welcome.wav")
        assert client.delete(f"/files/{other}") == {"deleted": other}
        assert listed(client) == ["logo.png"]
        client.delete(f"/files/{other}", 404)
        client.patch(f"/files/{other}", 404, name="x")
        acts = client.installation.rows("SELECT what FROM audit WHERE did = 'delete_file'")
        assert acts[0][0].startswith("welcome.wav (")
        number = upload(client, PDF, "prices.pdf")
        visit = client.client.post("/chat/web-chat/visits", json={}).get_json()
        said = client.client.post(
            "/chat/web-chat/messages",
            json={"key": str(uuid.uuid4()), "text": "hello"},
            headers={"Authorization": f"Bearer {visit['token']}"},
        )
        media = f'[{{"file":"{number}","media_type":"application/pdf","name":"prices.pdf"}}]'
        client.installation.write("UPDATE messages SET media = :media", media=media)
        refused = client.delete(f"/files/{number}", 409)
        assert refused["details"] == {"uses": [f"the conversation {said.get_json()['conversation']}"]}
