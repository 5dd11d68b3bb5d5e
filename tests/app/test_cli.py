"""The command line: each command does its work, and what cannot be done is one sentence and exit code 1."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app import cli
from app.cli import processes
from app.config import Settings
from app.schema import known_schemas
from flows.limits import Limits
from tests.app.seeded import seeded
from tests.app.test_launch import free_port
from tests.app.test_publishing_numbers import messages

EXAMPLE = Path("examples/flows/vip_calls.json")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command of a process of its own may send the log where it wants; here it would be every test's."""
    monkeypatch.setattr(processes, "write_json_lines", lambda _: None)


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The process's environment describes the test's database."""
    for name in ("DATABASE_URL", "REDIS_URL", "PATCHBAY_DATA"):
        monkeypatch.setenv(name, settings.environment[name])
    return settings


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], list[str]]:
    """Exit code, lines on standard output, lines on standard error."""
    code = cli.main(arguments)
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err.splitlines()


def test_migrate_fills_an_empty_database_once(environment: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "migrate")
    assert (code, out[0], err) == (0, "The database is up to date.", [])
    assert sum("/first/" in line for line in out) == 1
    assert said(capsys, "migrate") == (0, ["The database is up to date."], [])


def test_token_prints_a_new_token_once(environment: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with seeded(environment) as house:
        code, out, _ = said(capsys, "token", "reports")
        assert code == 0
        assert re.fullmatch(r"pb_[\w-]{43}", out[0])
        assert house.rows("SELECT count(*) FROM tokens WHERE name = 'reports'") == [(1,)]
        assert said(capsys, "token", "reports") == (
            1,
            [],
            ["patchbay: A token “reports” was made before: choose another name."],
        )


@pytest.mark.inconsistent
def test_consistency_prints_each_breach_and_ends_with_one(
    environment: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with seeded(environment) as house:
        assert said(capsys, "consistency") == (0, ["No breach was found."], [])
        house.write("UPDATE live_numbers SET version_id = 2 WHERE flow_id = 1")
        code, out, err = said(capsys, "consistency")
        assert (code, len(out), err) == (1, 1, [])
        assert out[0].startswith("wrong_version  number 1  ")


COMMANDS = [("consistency",), ("token", "x"), ("worker",), ("sweep",), ("web",), ("call", "support-line")]


@pytest.mark.parametrize("arguments", COMMANDS, ids=[row[0] for row in COMMANDS])
def test_every_command_but_run_and_migrate_refuses_other_tables(
    environment: Settings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    with seeded(environment) as house:
        with monkeypatch.context() as newer:
            newer.setattr("app.schema.known_schemas", lambda: ["9999", *known_schemas()])
            code, out, err = said(capsys, *arguments)
            assert (code, out, len(err)) == (1, [], 1)
            assert "older Patchbay (0001, needed is 9999)" in err[0]
            assert "run `patchbay migrate`" in err[0]
        for stored, says in (("9999", "newer Patchbay (9999)"), ("", "is empty: run `patchbay migrate`")):
            house.write("DELETE FROM alembic_version")
            if stored:
                house.write("INSERT INTO alembic_version VALUES (:stored)", stored=stored)
            code, out, err = said(capsys, *arguments)
            assert (code, out, len(err)) == (1, [], 1)
            assert says in err[0]
        house.write("DELETE FROM alembic_version")
        house.write("INSERT INTO alembic_version VALUES (:stored)", stored=known_schemas()[0])


def test_commands_refuse_a_lost_key(environment: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with seeded(environment):
        environment.secret_key_file.unlink()
        for arguments in (("consistency",), ("worker",), ("migrate",)):
            code, _, err = said(capsys, *arguments)
            assert (code, len(err)) == (1, 1)
            assert "bring the file back from a backup" in err[0]


def test_flows_check_prints_findings_of_this_installation(
    environment: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(messages("Broken", "nowhere")))
    with seeded(environment):
        assert said(capsys, "flows", "check", str(EXAMPLE)) == (0, ["“VIP calls” has no findings."], [])
        code, out, _ = said(capsys, "flows", "check", str(broken))
        assert (code, len(out)) == (1, 1)
        assert out[0].startswith("blocking: begin numbers.0: ")


def test_flows_check_works_without_an_installation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATCHBAY_DATA", str(tmp_path / "none"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    code, out, err = said(capsys, "flows", "check", str(EXAMPLE))
    assert (code, err, out[0]) == (0, [], "“VIP calls” has no findings.")
    assert "Without an installation" in out[1]
    assert not (tmp_path / "none").exists()


def test_limits_may_be_lowered() -> None:
    limits = Settings.from_environment({"LIMITS": " steps_per_run=500,, http_seconds = 5 "}).limits
    assert limits == replace(Limits(), steps_per_run=500, http_seconds=5.0)
    assert isinstance(limits.http_seconds, float)


@pytest.mark.parametrize(
    ("name", "value", "arguments", "says"),
    [
        ("PORT", "many", ("consistency",), "PORT is 'many'"),
        ("DATABASE_URL", "nonsense", ("migrate",), "DATABASE_URL cannot be used"),
        ("DATABASE_URL", "mysql://db/patchbay", ("worker",), "such as postgresql://host"),
        ("DATABASE_URL", "postgresql://db:many/patchbay", ("worker",), "DATABASE_URL cannot be used"),
        ("REDIS_URL", "http://cache", ("sweep",), "REDIS_URL cannot be used"),
        ("PUBLIC_URL", "phone.example.com", ("web",), "PUBLIC_URL cannot be used"),
        ("PUBLIC_URL", "https://example.com/phone", ("run",), "without a path"),
        ("LOG_LEVEL", "loud", ("consistency",), "LOG_LEVEL is 'loud': it must be one of debug, info, warning, error."),
        ("LIMITS", "steps=5", ("consistency",), "LIMITS has 'steps=5': each entry must be like steps_per_run=500"),
        ("LIMITS", "run_seconds=7776001", ("consistency",), "LIMITS has 'run_seconds=7776001'"),
        ("DATABASE_URL", "", ("consistency",), "/patchbay.db yet: run `patchbay migrate` once"),
        ("DATABASE_URL", "postgresql://127.0.0.1:1/none", ("worker",), "The database cannot be reached or written"),
        ("PATCHBAY_DATA", "/proc/none", ("migrate",), "/proc/none cannot be written"),
        ("DATABASE_URL", "sqlite:///LICENSE", ("run",), "written (file is not a database)"),
        ("DATABASE_URL", "sqlite:///LICENSE", ("migrate",), "written (file is not a database)"),
        ("DATABASE_URL", "sqlite:///LICENSE", ("worker",), "written (file is not a database)"),
        ("PORT", "8000", ("flows", "check", "/nowhere.json"), "/nowhere.json: No such file or directory."),
        ("PORT", "8000", ("flows", "check", "LICENSE"), "LICENSE: This is not JSON"),
        ("PORT", "8000", ("flows", "check", "/dev/zero"), "/dev/zero: The document is larger than 512 KiB."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    value: str,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.setenv("PATCHBAY_DATA", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for port in ("PORT", "CUSTOMER_API_PORT"):
        monkeypatch.setenv(port, str(free_port()))
    monkeypatch.setenv(name, value)
    code, out, err = said(capsys, *arguments)
    assert (code, out, len(err)) == (1, [], 1)
    assert says in err[0]


def test_help_names_every_command() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "app.cli", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for command in ("run", "web", "worker", "sweep", "migrate", "token", "call", "consistency", "flows"):
        assert re.search(rf"^ +{command}\b", shown, re.MULTILINE), command


def test_a_call_rings_nobody_else_than_simulated_numbers(
    environment: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with seeded(environment):
        code, _, err = said(capsys, "call", "web-chat")
        assert (code, len(err)) == (1, 1)
        assert "support-line" in err[0]
