"""Bad input: each gets its own clear answer and loses nothing, and the worker lives. One row is one claim.

`gets` is what the sender is told, `kept` what is there afterwards: by default what Anna wrote and was answered (`>`).
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from structlog.testing import capture_logs

from app.config import Settings
from tests.app.bad_answers import (
    announce_a_gigabyte,
    close_at_once,
    close_in_mid_body,
    drip,
    drip_the_headers,
    pretend_to_be_gzip,
    say_nothing,
    send_a_bomb,
    send_a_bomb_in_a_bomb,
    send_a_brotli_bomb,
    send_a_deflated_bomb,
    send_empty_blocks_without_end,
    stream_a_gigabyte,
    stream_a_gigabyte_in_chunks,
)
from tests.app.processes import until
from tests.app.raw_server import Talk
from tests.attacks.bad_input_site import ANNA, OURS, Site, at_once, bad_input_site

FORM: Final = "application/x-www-form-urlencoded"
GOLD: Final = "> You are gold."
FAMILY, ARABIC = "👩‍👩‍👧‍👦🙂", "مرحبا \u202e שלום"
A_CALL: Final = ["call_started", "caller_hung_up"]
Got = str | list[str]


@dataclass(frozen=True)
class Claim:
    """What comes in, what its sender gets, and what is kept of it."""

    name: str
    send: Callable[[Site], Got]
    gets: Got
    kept: list[str]
    look: Callable[[Site], list[str]] = Site.said


def unsigned(path: str = "messages", **headers: str) -> Callable[[Site], str]:
    """A stranger's webhook."""
    form = {"MessageSid": "SM1", "CallSid": "CA1", "From": ANNA, "To": OURS, "Body": "let me in"}
    return lambda site: site.raw(path, form, headers)


def raw(body: bytes, content_type: str) -> Callable[[Site], str]:
    """Anything at the webhook's address."""
    return lambda site: site.raw("messages", body, {}, content_type=content_type)


def unannounced(site: Site) -> str:
    """A body in chunks, which does not say how long it will be."""
    stream, chunked = io.BytesIO(b"Body=" + b"x" * 1_000_000), {"Transfer-Encoding": "chunked"}
    return site.raw("messages", None, chunked, input_stream=stream, environ_overrides={"wsgi.input_terminated": True})


def text(words: str) -> Callable[[Site], str]:
    """A signed message."""
    return lambda site: site.message(words)


def to_nobody(site: Site) -> list[str]:
    """A signed message and a call to a number that is not ours."""
    called = {"CallSid": "CA1", "From": ANNA, "To": "+15005550999", "CallStatus": "ringing"}
    return [site.message(To="+15005550999"), site.post("calls", called)]


def to_no_connection(site: Site) -> str:
    """A message signed for a connection that is not there."""
    return site.post("messages", {"MessageSid": "SM1", "From": ANNA, "To": OURS}, connection="nowhere")


def thrice(site: Site) -> list[str]:
    """The same webhook three times in parallel."""
    return at_once([lambda: site.message("hello", "SM1")] * 3)


def statuses_backwards(site: Site) -> list[str]:
    """The status callbacks of our answer, the last one first."""
    got = [site.message()]
    until(lambda: site.states() == ["sent"], "the answer is sent")
    ((sid, effect),) = site.seeded.rows("SELECT provider_id, id FROM effects WHERE kind = 'send_message'")
    for word in ("read", "delivered", "sent", "queued"):
        form = {"MessageSid": sid, "MessageStatus": word, "From": OURS, "To": ANNA}
        got.append(site.post(f"messages/status?effect={effect}", form))
    return got


def end_before_beginning(site: Site) -> list[str]:
    """A call's end, then its beginning."""
    form = {"CallSid": "CA1", "From": ANNA, "To": OURS, "Direction": "inbound"}
    ended = site.post("calls/status", form | {"CallStatus": "completed", "CallDuration": "3"})
    return [ended, site.post("calls", form | {"CallStatus": "ringing"})]


def api(answer: Callable[[Talk], None]) -> Callable[[Site], str]:
    """A message whose flow asks an API that answers so."""

    def send(site: Site) -> str:
        site.api = answer
        return site.message()

    return send


def plain(body: bytes, status: str = "200 OK", **headers: str) -> Callable[[Site], str]:
    """An API that answers whole."""
    return api(lambda talk: talk.answer(body, status, **headers))


def redirect(address: str) -> Callable[[Site], str]:
    """An API that leads elsewhere."""
    return plain(b"", "302 Found", location=address)


def chat_file(content: bytes) -> Callable[[Site], str]:
    """A file on the chat page."""
    return lambda site: site.chat_file(content)


def file(answer: bytes | Callable[[Talk], None] = b"", url: str = "", kind: str = "image/png") -> Callable[[Site], str]:
    """A message with a file, which lies at Twilio as `answer` or elsewhere at `url`."""

    def send(site: Site) -> str:
        site.files["ME1"] = answer if callable(answer) else lambda talk: talk.answer(answer)
        lies_at = url or f"{site.outside.origin}/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"
        return site.message("look", NumMedia="1", MediaUrl0=lies_at, MediaContentType0=kind)

    return send


def came_with(what: str) -> list[str]:
    """The message that a file came with, and its answer."""
    return [f"look [{what}]", GOLD]


def saves(*changes: tuple[str, str]) -> Callable[[Site], Got]:
    """A draft saved by several people at the same moment, each with another text in one step."""
    return lambda site: site.save(*changes)


def either(site: Site) -> list[str]:
    """The draft, whoever of the two was first."""
    return ["A or B" if words in {"A", "B"} else words for words in site.draft()]


def failed(kind: str) -> list[str]:
    """The flow went on by its failure exit."""
    return ["hello", f"> Sorry: {kind}."]


WEBHOOKS: Final = [
    Claim("an unsigned message", unsigned(), "403 unsigned", []),
    Claim("a wrongly signed message", unsigned(**{"X-Twilio-Signature": "AAAA"}), "403 unsigned", []),
    Claim("a message signed by another account", lambda site: site.message(secret="another"), "403 unsigned", []),
    Claim("an unsigned call", unsigned("calls"), "403 unsigned", []),
    Claim("an unsigned status", unsigned("messages/status"), "403 unsigned", []),
    Claim("over 1 MB", raw(b"Body=" + b"x" * 1_000_000, FORM), "413 too_large", []),
    Claim("over 1 MB without saying so", unannounced, "413 too_large", []),
    Claim("JSON instead of a form", raw(b'{"Body": "x"}', "application/json"), "415 not_a_form", []),
    Claim("an empty form", raw(b"", FORM), "400 empty_form", []),
    Claim("a thousand fields", raw(b"a=1&" * 1_000, FORM), "413 too_many_fields", []),
    Claim("a form without a number", lambda site: site.post("messages", {"Body": "x"}), "400 unreadable", []),
    Claim("an unknown number", to_nobody, ["404 unknown_number"] * 2, [], Site.events),
    Claim("an unknown connection", to_no_connection, "404 unknown_connection", []),
    Claim("100,000 characters", text("x" * 100_000), "200", ["xxxxx… 20000 characters [whole-message.txt kept]", GOLD]),
    Claim("emoji", text(FAMILY), "200", [FAMILY, GOLD]),
    Claim("right-to-left text", text(ARABIC), "200", [ARABIC, GOLD]),
    Claim("what databases refuse", text("a\x00b"), "200", ["a\ufffdb", GOLD]),
    Claim("the same webhook three times in parallel", thrice, ["200"] * 3, ["hello", GOLD]),
    Claim("statuses in the wrong order", statuses_backwards, ["200"] * 5, ["read"], Site.states),
    Claim("a call's end before its beginning", end_before_beginning, ["200"] * 2, A_CALL, Site.events),
]  # fmt: skip

FILES: Final = [
    Claim("a program in the chat", chat_file(b"MZ\x90\x00\x03"), "415 file_type", []),
    Claim("an archive in the chat", chat_file(b"PK\x03\x04" + b"\x00" * 100), "415 file_type", []),
    Claim("an empty file in the chat", chat_file(b""), "400 empty", []),
    Claim("over 16 MiB in the chat", chat_file(b"a" * (16 * 1024 * 1024 + 1)), "413 too_large", []),
    Claim("an archive by Twilio", file(kind="application/zip"), "200", came_with("not accepted: application/zip")),
    Claim("a program by Twilio", file(b"MZ\x90\x00"), "200", came_with("not accepted: application/octet-stream")),
    Claim("a page instead of a picture by Twilio", file(b"<script>"), "200", came_with("text/plain kept")),
    Claim("over 16 MiB by Twilio", file(announce_a_gigabyte), "200", came_with("not fetched: image/png")),
    Claim("a bomb by Twilio", file(send_a_bomb), "200", came_with("not fetched: image/png")),
    Claim("a file at a private address", file(url="http://10.0.0.1/x"), "200", came_with("not fetched: image/png")),
    Claim("a file that is a script", file(url="javascript:alert(1)"), "200", came_with("not accepted: image/png")),
]  # fmt: skip

ANSWERS: Final = [
    Claim("HTML", plain(b"<html>Welcome</html>", content_type="text/html"), "200", failed("not_json")),
    Claim("HTML that calls itself JSON", plain(b"<html>", content_type="application/json"), "200", failed("not_json")),
    Claim("nothing", plain(b""), "200", failed("not_json")),
    Claim("no content", plain(b"", "204 No Content"), "200", failed("not_json")),
    Claim("a gigabyte, announced", api(announce_a_gigabyte), "200", failed("too_large")),
    Claim("a gigabyte, streamed", api(stream_a_gigabyte), "200", failed("too_large")),
    Claim("a gigabyte, in chunks", api(stream_a_gigabyte_in_chunks), "200", failed("too_large")),
    Claim("a byte at a time", api(drip), "200", failed("timeout")),
    Claim("headers a byte at a time", api(drip_the_headers), "200", failed("timeout")),
    Claim("silence", api(say_nothing), "200", failed("timeout")),
    Claim("a gzip bomb", api(send_a_bomb), "200", failed("too_large")),
    Claim("a deflate bomb", api(send_a_deflated_bomb), "200", failed("too_large")),
    Claim("a brotli bomb, which nobody asked for", api(send_a_brotli_bomb), "200", failed("not_json")),
    Claim("a bomb in a bomb", api(send_a_bomb_in_a_bomb), "200", failed("too_large")),
    Claim("empty blocks without end", api(send_empty_blocks_without_end), "200", failed("too_large")),
    Claim("what is no gzip at all", api(pretend_to_be_gzip), "200", failed("connect")),
    Claim("half an answer", api(close_in_mid_body), "200", failed("connect")),
    Claim("a closed line", api(close_at_once), "200", failed("connect")),
    Claim("a redirect to a private address", redirect("http://10.0.0.1/"), "200", failed("blocked_address")),
    Claim("a redirect to our own doors", redirect("http://127.0.0.1:8000/ready"), "200", failed("blocked_address")),
    Claim("a redirect to a cloud's metadata", redirect("http://169.254.169.254/"), "200", failed("blocked_address")),
    Claim("a redirect to a file", redirect("file:///etc/passwd"), "200", failed("redirect_refused")),
    Claim("a redirect to itself for ever", redirect("/customers"), "200", failed("redirect_refused")),
    Claim("a broken server", plain(b"oops", "500 Internal Server Error"), "200", failed("http_5xx")),
]  # fmt: skip

TWO_TEXTS, ONE_TEXT, TWO_FOR_ONE = (("tell", "A"), ("sorry", "B")), (("tell", "A"),) * 2, (("tell", "A"), ("tell", "B"))
BOTH_SHOWN: Final = ["200", "409 draft_conflict, both shown"]
SORRY: Final = "Sorry: {{ error.kind }}."
SAVED: Final = [
    Claim("two texts at once", saves(*TWO_TEXTS), ["200"] * 2, ["B", "A", "3 revisions"], Site.draft),
    Claim("the same text twice at once", saves(*ONE_TEXT), ["200"] * 2, [SORRY, "A", "2 revisions"], Site.draft),
    Claim("two texts for one place at once", saves(*TWO_FOR_ONE), BOTH_SHOWN, [SORRY, "A or B", "2 revisions"], either),
]  # fmt: skip


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    with bad_input_site(settings) as made:
        yield made


@pytest.mark.parametrize("claim", [*WEBHOOKS, *FILES, *ANSWERS, *SAVED], ids=lambda claim: claim.name)
def test_bad_input_is_answered_clearly_and_loses_nothing(site: Site, claim: Claim) -> None:
    with capture_logs() as lines:
        assert claim.send(site) == claim.gets
    for got in [claim.gets] if isinstance(claim.gets, str) else claim.gets:
        if got == "403 unsigned":
            assert [(line["log_level"], line["code"]) for line in lines] == [("warning", "unsigned")]
    until(lambda: claim.look(site) == claim.kept, f"what is kept is as claimed ({claim.look(site)})")
    site.works()
    assert claim.look(site)[: len(claim.kept)] == claim.kept
