"""Every way known to us of making the guarded client call into the house."""

import ipaddress
import random
import socket
from collections.abc import Sequence

import pytest

from app.outgoing import Guarded, OutgoingError, OutgoingRequest
from app.outgoing.deny_list import blocked_as
from app.outgoing.timed_socket import Deadline
from tests.app.raw_server import serving

BLOCKED = [
    "0.0.0.255", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
    "127.0.0.1", "127.1.2.3", "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
    "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1", "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
    "2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1",
    "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1", "4000::1", "e000::1",
    "2606:4700:4700::1111%eth0", "nonsense", "",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1", "168.63.129.15",
          "172.15.255.255", "172.32.0.1", "192.0.1.1", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450::1",
          "2001:200::1", "2001:4860:4860::8888"]  # fmt: skip


@pytest.mark.parametrize("address", BLOCKED)
def test_a_special_address_is_blocked_whether_written_or_resolved(address: str) -> None:
    assert blocked_as(address)
    client = Guarded(resolver=lambda _host, _port: [address])
    written = f"http://[{address}]/" if ":" in address else f"http://{address}/"
    for url in ("http://rebound.example.com/", "https://rebound.example.com:8443/", written):
        with pytest.raises(OutgoingError) as caught:
            client.send(OutgoingRequest("POST", url))
        assert caught.value.kind in ("blocked_address", "bad_address")
        assert not caught.value.retryable
        assert not caught.value.may_have_arrived


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_not(address: str) -> None:
    assert blocked_as(address) is None


def test_what_python_calls_private_is_blocked_too() -> None:
    numbers = random.Random(3)
    for _ in range(20_000):
        for address in (
            ipaddress.IPv4Address(numbers.getrandbits(32)),
            ipaddress.IPv6Address(numbers.getrandbits(128)),
        ):
            special = not address.is_global or address.is_multicast or address.is_reserved
            assert blocked_as(str(address)) or not special, address


@pytest.mark.parametrize("private", ["127.0.0.1", "::1", "169.254.169.254", "2002:7f00:1::"])
@pytest.mark.parametrize("first", [True, False])
def test_one_private_address_among_public_ones_blocks_the_name(private: str, first: bool) -> None:
    found = [private, "93.184.215.14"] if first else ["93.184.215.14", private]
    with pytest.raises(OutgoingError, match=r"mixed\.example\.com leads to an address") as caught:
        Guarded(resolver=lambda _host, _port: found).send(OutgoingRequest("GET", "http://mixed.example.com/"))
    assert caught.value.kind == "blocked_address"


SPELLINGS = [
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://127.0.0.1./",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://localhost.localdomain/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::1%25lo]/",
    "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%00.example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http://example.com:80@127.0.0.1/",
    "http://127.0.0.1#@example.com/",
    "http:\\\\127.0.0.1/",
    "http://127.0.0.1\t.example.com/",
    "file:///etc/passwd",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1:6379/_INFO",
    "unix:///var/run/docker.sock",
    "//127.0.0.1/",
    "javascript:alert(1)",
    "",
    "http://",
    "http://:80/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:65536/",
    "http://127.0.0.1:x/",
    "dict://127.0.0.1:11211/",
    "data:text/plain,a",
    "http://[127.0.0.1]/",
    "http://[v1.x]/",
    "http://a..b/",
    "http://-a/",
    "http://é" + "é" * 300 + "/",
    "http://" + "a" * 9_000 + "/",
]


@pytest.mark.parametrize("url", SPELLINGS, ids=range(len(SPELLINGS)))
def test_no_spelling_of_an_address_leads_inside(url: str) -> None:
    def by_the_system(host: str, port: int) -> Sequence[str]:
        try:
            return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]
        except socket.gaierror:
            return ["127.0.0.1"]  # what a name server in the attacker's hands says

    with pytest.raises(OutgoingError) as caught:
        Guarded(resolver=by_the_system).send(OutgoingRequest("GET", url))
    assert caught.value.kind in ("blocked_address", "bad_address")
    assert not caught.value.may_have_arrived


def test_the_port_beside_an_allowed_pair_stays_blocked() -> None:
    with serving(lambda talk: talk.answer(b"gold")) as allowed, serving(lambda talk: talk.answer(b"inside")) as inside:
        client = Guarded(frozenset({("127.0.0.1", allowed.port), ("LocalHost", allowed.port)}))
        assert client.send(OutgoingRequest("GET", f"http://127.0.0.1:{allowed.port}/")).body == b"gold"
        assert client.send(OutgoingRequest("GET", f"http://localhost:{allowed.port}/")).body == b"gold"
        for host in ("127.0.0.1", "localhost", "127.1"):
            with pytest.raises(OutgoingError, match="ALLOWED_PRIVATE_HOSTS") as caught:
                client.send(OutgoingRequest("GET", f"http://{host}:{inside.port}/"))
            assert caught.value.kind == "blocked_address"
        for other in ("127.1", "127.0.0.2"):
            with pytest.raises(OutgoingError, match="may not reach"):
                client.send(OutgoingRequest("GET", f"http://{other}:{allowed.port}/"))
        assert not inside.talks
        client.close()


def test_a_name_is_asked_once_so_a_second_answer_cannot_rebind_it() -> None:
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with serving(lambda talk: talk.answer(b"gold")) as server:
        client = Guarded(frozenset({("rebound.example.com", server.port)}), rebinding)
        for _ in range(3):
            assert client.send(OutgoingRequest("GET", f"http://rebound.example.com:{server.port}/")).body == b"gold"
        assert asked == ["rebound.example.com"]
        client.close()


def test_a_name_that_turns_private_later_is_checked_again() -> None:
    seconds = [0.0]
    address = ["1.1.1.1"]
    client = Guarded(resolver=lambda _host, _port: list(address), clock=lambda: seconds[0])
    for number in range(100):  # often, because a stale answer would depend on two threads
        name = f"rebound{number}.example.com"
        address[0] = "1.1.1.1"
        assert client._lookup.addresses(name, 80, Deadline(5, lambda: seconds[0])) == ("1.1.1.1",)
        address[0] = "127.0.0.1"
        seconds[0] += 31
        with pytest.raises(OutgoingError) as caught:
            client._lookup.addresses(name, 80, Deadline(5, lambda: seconds[0]))
        assert caught.value.kind == "blocked_address"
