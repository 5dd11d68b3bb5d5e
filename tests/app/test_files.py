"""Stored files: one row for one content, its type by what it is, and addresses that expire."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.config import Settings
from app.file_address import file_address, opens
from app.files import LARGEST_FILE_BYTES, FileTooLarge, media_type_of, plain_name, read_file, store_file
from app.models import File
from app.sealing import SecretKey
from tests.chat_house import ChatHouse, chat_house

KEY = SecretKey(b"k" * 32)
NOW = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)


@pytest.fixture
def chat(settings: Settings) -> Iterator[ChatHouse]:
    with chat_house(settings) as house:
        yield house


def test_the_same_content_is_one_row(chat: ChatHouse) -> None:
    with chat.house.database.transaction() as session:
        first = store_file(session, b"hello", "a.txt")
        assert store_file(session, b"hello", "b.txt") == first
        assert store_file(session, b"other") != first
        assert session.execute(select(func.count()).select_from(File)).scalar_one() == 2
        stored = read_file(session, first)
    assert stored is not None
    assert (stored.content, stored.media_type, stored.name) == (b"hello", "text/plain", "a.txt")


def test_sixteen_mebibytes_are_the_most(chat: ChatHouse) -> None:
    with chat.house.database.transaction() as session:
        largest = store_file(session, b"a" * LARGEST_FILE_BYTES)
        assert largest
        with pytest.raises(FileTooLarge, match="16 MiB"):
            store_file(session, b"a" * (LARGEST_FILE_BYTES + 1))
        assert read_file(session, largest + 1) is None


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"RIFF\x00\x00\x00\x00AVI ", "application/octet-stream"),
        (b"\x00\x00\x00\x20ftypheic\x00", "image/heic"),
        (b"\x00\x00\x00\x20ftypavif\x00", "image/avif"),
        (b"\x00\x00\x00\x20ftypM4A \x00", "audio/mp4"),
        (b"\x00\x00\x00\x20ftyp3gp4\x00", "video/3gpp"),
        (b"\x00\x00\x00\x20ftypqt  \x00", "video/quicktime"),
        (b"\x00\x00\x00\x20ftypisom\x00", "video/mp4"),
        (b"\x1aE\xdf\xa3\x9fB", "video/webm"),
        (b"OggS\x00\x02", "audio/ogg"),
        (b"ID3\x04\x00", "audio/mpeg"),
        (b"\xff\xfb\x90\x00", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"#!AMR\n<", "audio/amr"),
        (b"BEGIN:VCARD\r\nVERSION:3.0", "text/plain"),
        (b"%PDF-1.7", "application/pdf"),
        ("zażółć".encode(), "text/plain"),
        (b"<svg onload=alert(1)>", "text/plain"),
        (b"<!doctype html><script>alert(1)</script>", "text/plain"),
        (b"PK\x03\x04", "application/octet-stream"),
        (b"\xff\xfe", "application/octet-stream"),
    ],
)
def test_the_type_of_a_file_is_found_in_its_content(content: bytes, media_type: str) -> None:
    assert media_type_of(content) == media_type


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\a\\photo.png", "photo.png"),
        ("invoice\u202egnp.exe", "invoicegnp.exe"),
        ("a\r\nSet-Cookie: x", "aSet-Cookie: x"),
        ("", ""),
        ("...", ""),
        ("ż" * 200 + ".pdf", "ż" * 96 + ".pdf"),
        ("a" * 200, "a" * 100),
    ],
)
def test_a_name_is_plain(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_an_address_opens_its_file_for_a_day_at_most() -> None:
    signature = file_address(KEY, 7, NOW).rpartition("/")[2]
    assert opens(KEY, 7, signature, NOW + timedelta(hours=11))
    assert not opens(KEY, 7, signature, NOW + timedelta(hours=24))
    assert not opens(KEY, 8, signature, NOW)
    assert not opens(SecretKey(b"o" * 32), 7, signature, NOW)


def test_an_address_stays_the_same_for_hours_so_that_browsers_keep_the_picture() -> None:
    assert file_address(KEY, 7, NOW) == file_address(KEY, 7, NOW + timedelta(hours=2))


@pytest.mark.parametrize("signature", ["", "x", "-", "zz-zz", "f" * 60 + "-x", "1-" + "é"])
def test_a_signature_that_is_not_ours_opens_nothing(signature: str) -> None:
    assert not opens(KEY, 7, signature, NOW)


def test_the_door_serves_a_file_as_a_download(chat: ChatHouse) -> None:
    with chat.house.database.transaction() as session:
        file_id = store_file(session, b"%PDF-1.7", name="faktura ż.pdf")
    address = file_address(chat.house.key, file_id, datetime.now(UTC))
    answer = chat.client.get(address)
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "application/pdf", b"%PDF-1.7")
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''faktura%20%C5%BC.pdf"
    assert chat.client.get(address[:-1] + "!").get_json()["code"] == "no_file"
    chat.move_clock(25 * 3600)
    assert chat.client.get(address).status_code == 404
