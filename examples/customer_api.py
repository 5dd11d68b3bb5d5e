"""A small database of customers and orders over HTTP, so that the example flows work on a machine without any network.

    python -m examples.customer_api [--port 8001] [--quiet]

The port comes from CUSTOMER_API_PORT when it is not given.

`GET /` lists the customers, the orders and the numbers that misbehave; `GET /customers/+48500100100` answers
`{"name": "Anna Kowalska", "orders": 42, "phone": "+48500100100", "status": "platinum"}`, `GET /orders/1001` where that
order is and what is to be paid. An unknown number is a 404.
It listens on this machine only, keeps nothing and knows nobody real.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

HOST = "127.0.0.1"
DEFAULT_PORT = 8001
SLOW_SECONDS = 30  # longer than any time limit of the example flows

CUSTOMERS: Mapping[str, Mapping[str, str | int]] = {
    "+48500100100": {"status": "platinum", "name": "Anna Kowalska", "orders": 42},
    "+48500100200": {"status": "gold", "name": "Piotr Nowak", "orders": 17},
    "+48500100300": {"status": "silver", "name": "Ewa Wójcik", "orders": 3},
    "+12125550100": {"status": "platinum", "name": "Grace Smith", "orders": 64},
    "+12125550200": {"status": "gold", "name": "Alan Jones", "orders": 9},
    "+12125550300": {"status": "silver", "name": "Mary Brown", "orders": 1},
}

# The days are counted from today, so that what was delivered lately stays so.
ORDERS: Mapping[str, Mapping[str, str | int | float | bool]] = {
    "1001": {"status": "shipped", "arrives_on": 2, "total": 59.9, "paid": True},
    "1002": {"status": "preparing", "total": 129.5, "paid": False},
    "1003": {"status": "delivered", "delivered_on": -5, "total": 20, "paid": True},
    "1004": {"status": "delivered", "delivered_on": -40, "total": 340, "paid": True},
}


class Reply(NamedTuple):
    """One answer: its status, its kind and its content."""

    status: int
    media_type: str
    content: bytes


def _json(status: int, data: object) -> Reply:
    return Reply(status, "application/json", json.dumps(data, ensure_ascii=False, sort_keys=True).encode())


def _slow() -> Reply:
    time.sleep(SLOW_SECONDS)
    return _json(200, {"status": "gold", "name": "Slow Joe", "orders": 1})


TROUBLE: Mapping[str, tuple[str, Callable[[], Reply]]] = {
    "+48500100900": (f"answers after {SLOW_SECONDS} seconds", _slow),
    "+48500100901": ("answers with the status 500", lambda: _json(500, {"error": "The database is on fire."})),
    "+48500100902": (
        "answers with a web page",
        lambda: Reply(200, "text/html", b"<!doctype html><h1>Please sign in</h1>"),
    ),
    "+48500100903": ("answers with nothing", lambda: Reply(200, "application/json", b"")),
    "+48500100904": ("answers with broken JSON", lambda: Reply(200, "application/json", b'{"status": "gold"')),
    "+48500100905": (
        "answers with a number as status",
        lambda: _json(200, {"status": 7, "name": "Odd", "orders": "many"}),
    ),
    "+48500100906": ("answers with a megabyte", lambda: _json(200, {"status": "gold", "padding": "x" * 1_000_000})),
    "+48500100907": ("answers with the status 429", lambda: _json(429, {"error": "Too many questions; ask later."})),
}
ORDER_TROUBLE: Mapping[str, tuple[str, Callable[[], Reply]]] = {
    "1008": (f"answers after {SLOW_SECONDS} seconds", _slow),
    "1009": ("answers with the status 503", lambda: _json(503, {"error": "The warehouse is closed."})),
}


def reply_to(path: str) -> Reply:
    """What a GET of a path is answered with."""
    parts = [unquote(part) for part in urlsplit(path).path.split("/") if part]
    if not parts:
        return Reply(200, "text/plain; charset=utf-8", _guide().encode())
    if parts[0] == "customers" and len(parts) == 2:
        phone = parts[1].replace(" ", "")
        if phone in TROUBLE:
            return TROUBLE[phone][1]()
        if phone in CUSTOMERS:
            return _json(200, {"phone": phone, **CUSTOMERS[phone]})
        return _json(404, {"error": f"No customer has the number {phone}."})
    if parts[0] == "orders" and len(parts) == 2:
        return _order(parts[1])
    return _json(404, {"error": "There is nothing here; GET / says what there is."})


def _order(number: str) -> Reply:
    if number in ORDER_TROUBLE:
        return ORDER_TROUBLE[number][1]()
    if number not in ORDERS:
        return _json(404, {"error": f"There is no order {number}."})
    today = date.today()  # noqa: DTZ011  a shop's own day
    told = {
        name: (today + timedelta(days=int(value))).isoformat() if name.endswith("_on") else value
        for name, value in ORDERS[number].items()
    }
    return _json(200, {"number": number, "currency": "PLN", "payment_url": f"https://pay.example.com/{number}", **told})


def _guide() -> str:
    known = [f"  /customers/{phone}  {facts['status']}, {facts['name']}" for phone, facts in CUSTOMERS.items()]
    known += ["", "Orders", *(f"  /orders/{number}  {facts['status']}" for number, facts in ORDERS.items())]
    odd = [f"  /customers/{phone}  {what}" for phone, (what, _) in TROUBLE.items()]
    odd += [f"  /orders/{number}  {what}" for number, (what, _) in ORDER_TROUBLE.items()]
    return "\n".join(["Customers", *known, "", "Numbers that misbehave, to see what a flow does then", *odd, ""])


class CustomerHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with content."""
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        """Answer without."""
        self._answer(with_content=False)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the launcher's own lines would drown."""

    def _answer(self, *, with_content: bool) -> None:
        reply = reply_to(self.path)
        with contextlib.suppress(ConnectionError):  # who asked may have given up meanwhile
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.media_type)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            if with_content:
                self.wfile.write(reply.content)


def serve(port: int) -> ThreadingHTTPServer:
    """A server that is bound and not yet running; port 0 takes any free one."""
    server = ThreadingHTTPServer((HOST, port), CustomerHandler)
    server.daemon_threads = True
    return server


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit code."""
    reader = argparse.ArgumentParser(prog="customer_api", description="A small customer database over HTTP.")
    reader.add_argument("--port", type=int, default=int(os.environ.get("CUSTOMER_API_PORT") or DEFAULT_PORT))
    reader.add_argument("--quiet", action="store_true", help="say nothing once it answers")
    given = reader.parse_args(arguments)
    try:
        server = serve(given.port)
    except OSError as problem:
        print(
            f"The customer API cannot listen on {HOST}:{given.port}: {problem.strerror}. Set CUSTOMER_API_PORT.",
            file=sys.stderr,
        )
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if not given.quiet:
        print(f"The example customer API answers on http://{HOST}:{server.server_port}/", flush=True)
    with server, contextlib.suppress(KeyboardInterrupt, SystemExit):
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
