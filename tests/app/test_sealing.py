"""The installation's key: made once, never replaced, and what it seals and signs."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.sealing import KeyUnusable, SealBroken, SecretKey

KEY, OTHER = SecretKey(bytes(range(32))), SecretKey(bytes(32))


def test_the_first_start_makes_a_key_that_only_its_user_can_read(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret.key"
    made = SecretKey.load_or_create(path, database_is_empty=True)
    assert (len(path.read_bytes()), stat.S_IMODE(path.stat().st_mode)) == (32, 0o600)
    assert list(path.parent.iterdir()) == [path]
    for empty in (True, False):
        assert SecretKey.load_or_create(path, empty).fingerprint() == made.fingerprint()


def test_every_key_is_another_one(tmp_path: Path) -> None:
    assert len({SecretKey.load_or_create(tmp_path / str(number), True).fingerprint() for number in range(10)}) == 10


def test_a_missing_key_beside_a_filled_database_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    with pytest.raises(KeyUnusable, match=r"secret\.key is missing, but the database already holds data"):
        SecretKey.load_or_create(path, database_is_empty=False)
    assert not path.exists()


def test_another_key_beside_a_filled_database_stops_the_start(tmp_path: Path) -> None:
    KEY.require(KEY.fingerprint(), tmp_path)
    with pytest.raises(KeyUnusable, match="is not the one this database was made with"):
        KEY.require(OTHER.fingerprint(), tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_broken_key_file_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(KeyUnusable, match=rf"holds {len(content)} bytes instead of 32"):
        SecretKey.load_or_create(path, database_is_empty=True)
    assert path.read_bytes() == content


def test_a_folder_that_takes_no_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(KeyUnusable, match="cannot be made"):
        SecretKey.load_or_create(tmp_path / "file" / "secret.key", database_is_empty=True)
    (tmp_path / "folder.key").mkdir()
    with pytest.raises(KeyUnusable, match="cannot be read"):
        SecretKey.load_or_create(tmp_path / "folder.key", database_is_empty=True)


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from app.sealing import SecretKey; sys.stdin.readline();"
        "print(SecretKey.load_or_create(Path(sys.argv[1]), True).fingerprint())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "secret.key")]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in started:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    printed = {process.communicate(timeout=60)[0].strip() for process in started}
    assert len(printed) == 1
    assert "" not in printed
    assert os.listdir(tmp_path) == ["secret.key"]  # noqa: PTH208  # the names alone are the claim


def test_what_was_sealed_opens_for_the_same_purpose_and_key_only() -> None:
    sealed = KEY.seal("credential:1", b"canary")
    assert KEY.open("credential:1", sealed) == b"canary"
    assert KEY.seal("credential:1", b"canary") != sealed
    assert b"canary" not in sealed
    changed = [sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :] for place in range(len(sealed))]
    for key, purpose, value in [
        (OTHER, "credential:1", sealed),
        (KEY, "credential:2", sealed),
        *((KEY, "credential:1", value) for value in (*changed, b"", sealed[:5], sealed[:13], sealed[:-1])),
    ]:
        with pytest.raises(SealBroken, match="enter it again"):
            key.open(purpose, value)


def test_a_signature_holds_for_the_same_purpose_data_and_key_only() -> None:
    signature = KEY.sign("file", b"7")
    assert (len(signature), signature == KEY.sign("file", b"7"), KEY.verify("file", b"7", signature)) == (
        43,
        True,
        True,
    )
    for key, purpose, data, given in [
        (OTHER, "file", b"7", signature),
        (KEY, "ticket", b"7", signature),
        (KEY, "file", b"8", signature),
        (KEY, "fil", b"e7", signature),
        (KEY, "file", b"7", signature[:-1]),
        (KEY, "file", b"7", ""),
        (KEY, "file", b"7", signature + "="),
        (KEY, "file", b"7", "żółć"),
        (KEY, "file", b"7", "\ud800"),
    ]:
        assert not key.verify(purpose, data, given)


def test_the_key_is_in_no_text() -> None:
    key = bytes(range(32))
    assert key.hex() not in repr(KEY) + str(vars(KEY)) + KEY.fingerprint()
    assert (len(KEY.fingerprint()), KEY.fingerprint() != OTHER.fingerprint()) == (32, True)
