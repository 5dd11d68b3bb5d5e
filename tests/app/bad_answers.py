"""Ways in which a host can answer badly, byte for byte."""

import base64
import gzip
import zlib
from typing import Final

from tests.app.raw_server import Talk

BOMB: Final = gzip.compress(b"\0" * 50_000_000, 1)
# 50 MB of zeros as Node's zlib.brotliCompressSync writes them.
BROTLI_BOMB: Final = base64.b64decode(
    "y///P/gnAOKxQCD3/o///3/wTwDEYRGA7v0f////4J8AiMMCAN37P/7//8E/ARCHBQC693/8//+DfwIgDgsAdO//8g9eD/8EQBwWAOig6wE="
)


def drip(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not talk.stopping.is_set():
        talk.send(b"x")
        talk.pause(0.02)


def drip_the_headers(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\n")
    while not talk.stopping.is_set():
        talk.send(b"X")
        talk.pause(0.02)


def stream_a_gigabyte(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for _ in range(16_384):
        talk.send(b"x" * 65_536)


def announce_a_gigabyte(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    talk.pause(5)


def send_a_bomb(talk: Talk) -> None:
    talk.answer(BOMB, content_encoding="gzip")


def send_a_bomb_in_a_bomb(talk: Talk) -> None:
    talk.answer(gzip.compress(BOMB), content_encoding="gzip, gzip")


def send_empty_blocks_without_end(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nConnection: close\r\n\r\n")
    packer = zlib.compressobj(wbits=-15)
    while not talk.stopping.is_set():
        talk.send(b"".join(packer.flush(zlib.Z_FULL_FLUSH) + b"\0\0\0\xff\xff" for _ in range(4_000)))


def send_headers_without_end(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\n")
    while not talk.stopping.is_set():
        talk.send(b"X-Filler: " + b"x" * 50_000 + b"\r\n")


def close_in_mid_body(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")
    talk.hang_up()


def close_in_mid_chunk(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf")
    talk.hang_up()


def close_at_once(talk: Talk) -> None:
    talk.hang_up()


def speak_another_protocol(talk: Talk) -> None:
    talk.send(b"220 mail.example.com ESMTP ready\r\n")
    talk.hang_up()


def pretend_to_be_gzip(talk: Talk) -> None:
    talk.answer(b"this was never compressed", content_encoding="gzip")


def send_early_hints(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def say_nothing(talk: Talk) -> None:
    talk.pause(5)


def send_a_deflated_bomb(talk: Talk) -> None:
    talk.answer(zlib.compress(b"\0" * 50_000_000, 1), content_encoding="deflate")


def send_a_brotli_bomb(talk: Talk) -> None:
    talk.answer(BROTLI_BOMB, content_encoding="br")


def stream_a_gigabyte_in_chunks(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(16_384):
        talk.send(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
