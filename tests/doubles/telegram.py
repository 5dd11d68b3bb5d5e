"""A Telegram of ours, as strict as its published Bot API (https://core.telegram.org/bots/api): what that does not know
is refused, and every call is kept.

The npm package telegram-test-api 4.2.1 plays Telegram too, but knows no secret token, no files and no 429 (looked at on
2026-11-22), which are what a channel gets wrong.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "123456:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
SECRET = "letters_and-digits-1"
CHAT = 987654321
Parameters = dict[str, Any]

_SEND = {"chat_id", "reply_markup"}
_KNOWN: Mapping[str, set[str]] = {
    "sendMessage": {*_SEND, "text"},
    "sendPhoto": {*_SEND, "photo", "caption"},
    "sendVideo": {*_SEND, "video", "caption"},
    "sendAudio": {*_SEND, "audio", "caption"},
    "sendDocument": {*_SEND, "document", "caption"},
    "sendMediaGroup": {"chat_id", "media"},
    "setWebhook": {"url", "secret_token", "allowed_updates"},
    "getWebhookInfo": set(),
    "getFile": {"file_id"},
}


class Refused(Exception):
    """What Telegram answers instead of doing it."""

    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.status, self.parameters = status, parameters


@dataclass
class TelegramDouble:
    """The running double. `fails` are answered, in order, instead of the next calls: a Refused, or a raw answer."""

    url: str
    calls: list[tuple[str, Parameters]] = field(default_factory=list)
    fails: list[Refused | bytes] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    webhook: Parameters = field(default_factory=dict)

    def sent(self) -> list[Parameters]:
        """What the user of the chat sees, in order."""
        return [parameters for method, parameters in self.calls if method.startswith("send")]

    def act(self, method: str, parameters: Parameters) -> Any:
        """What a method answers. Raises: Refused."""
        if method not in _KNOWN:
            raise Refused(404, "Not Found")
        if unknown := parameters.keys() - _KNOWN[method]:
            raise Refused(400, f"Bad Request: unknown parameters {sorted(unknown)}")
        self.calls.append((method, parameters))
        if method == "setWebhook":
            return self._set_webhook(parameters)
        if method == "getWebhookInfo":
            return {"url": self.webhook.get("url", ""), "has_custom_certificate": False, "pending_update_count": 0}
        if method == "getFile":
            if parameters["file_id"] not in self.files:
                raise Refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
            return {"file_id": parameters["file_id"], "file_path": f"documents/{parameters['file_id']}"}
        if parameters.get("chat_id") != CHAT:
            raise Refused(400, "Bad Request: chat not found")
        return self._message(method, parameters)

    def _set_webhook(self, parameters: Parameters) -> bool:
        if not parameters["url"].startswith("https://"):
            raise Refused(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", parameters["secret_token"]):
            raise Refused(400, "Bad Request: secret token contains unallowed characters")
        self.webhook = parameters
        return True

    def _message(self, method: str, parameters: Parameters) -> Any:
        if method == "sendMediaGroup":
            if not 2 <= len(parameters["media"]) <= 10:
                raise Refused(400, "Bad Request: wrong number of items in the album")
            for item in parameters["media"]:
                if item.keys() - {"type", "media", "caption"} or item["type"] not in {
                    "photo", "video", "audio", "document",
                }:  # fmt: skip
                    raise Refused(400, "Bad Request: wrong type of the InputMedia")
            return [self._made() for _ in parameters["media"]]
        text = parameters.get("text")
        if method == "sendMessage" and not (isinstance(text, str) and text.strip()):
            raise Refused(400, "Bad Request: message text is empty")
        if text and len(text) > 4_096:
            raise Refused(400, "Bad Request: message is too long")
        if len(parameters.get("caption", "")) > 1_024:
            raise Refused(400, "Bad Request: message caption is too long")
        self._look_at_keyboard(parameters.get("reply_markup"))
        return self._made()

    def _look_at_keyboard(self, markup: Any) -> None:
        if markup is None:
            return
        if markup.keys() - {"keyboard", "one_time_keyboard", "resize_keyboard"} or not markup["keyboard"]:
            raise Refused(400, "Bad Request: object expected as reply markup")
        for row in markup["keyboard"]:
            for key in row:
                if set(key) != {"text"} or not key["text"]:
                    raise Refused(400, "Bad Request: text must be non-empty")

    def _made(self) -> Parameters:
        return {"message_id": len(self.calls), "date": 1_795_000_000, "chat": {"id": CHAT, "type": "private"}}


@contextmanager
def telegram_double() -> Iterator[TelegramDouble]:
    """A double on this machine."""
    double = TelegramDouble("")

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """A file."""
            found = double.files.get(self.path.removeprefix(f"/file/bot{TOKEN}/documents/"))
            self._answer(404 if found is None else 200, found or b"")

        def do_POST(self) -> None:
            """A method."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                _, bot, method = self.path.split("/")
                if bot != f"bot{TOKEN}":
                    raise Refused(401, "Unauthorized")
                if double.fails:
                    failing = double.fails.pop(0)
                    if isinstance(failing, bytes):
                        self._answer(200, failing)
                        return
                    raise failing
                told = {"ok": True, "result": double.act(method, json.loads(body))}
                self._answer(200, json.dumps(told).encode())
            except Refused as refused:
                status = refused.status
                told = {"ok": False, "error_code": status, "description": str(refused)}
                told |= {"parameters": refused.parameters} if refused.parameters else {}
                self._answer(status, json.dumps(told).encode())

        def log_message(self, format: str, *words: Any) -> None:
            """Nothing is printed."""

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
