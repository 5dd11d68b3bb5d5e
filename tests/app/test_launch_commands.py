"""Which programs a start consists of, and what they are told."""

from dataclasses import fields, replace
from pathlib import Path

from app.config import Settings
from app.launch.commands import as_environment, commands


def test_every_worker_process_is_a_child_of_its_own() -> None:
    groups = commands(Settings(worker_processes=3))
    names = [[command.name for command in group] for group in groups]
    assert names == [["customer-api"], ["worker-1", "worker-2", "worker-3", "sweeper"], ["web"]]


def test_children_read_the_very_settings_of_the_launcher() -> None:
    unusual = {field.name: 50 for field in fields(Settings) if isinstance(field.default, int)}
    settings = replace(
        Settings(data_folder=Path("/data"), secret_key_file=Path("/keys/secret.key"), **unusual),  # type: ignore[arg-type]  # all whole numbers
        trusted_proxies=7,
        database_url="postgresql://db/patchbay",
        redis_url="redis://cache",
        public_url="https://patchbay.example.com",
        host="192.0.2.1",
        allowed_private_hosts=frozenset({("127.0.0.1", 8001), ("::1", 8002)}),
    )
    assert Settings.from_environment(as_environment(settings)) == settings


def test_a_variable_that_only_the_environment_knows_reaches_the_children() -> None:
    assert as_environment(Settings.from_environment({"MADE_UP": "yes"}))["MADE_UP"] == "yes"
