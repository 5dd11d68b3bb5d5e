"""The programs that make up an installation, as data: adding a process is adding a line."""

import dataclasses
import sys
from pathlib import Path

from app.config import Settings
from app.launch.children import Command

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
NUMBERS = [field.name for field in dataclasses.fields(Settings) if field.type in (int, "int")]


def web_arguments() -> list[str]:
    """The arguments of the web server; gunicorn itself starts WEB_PROCESSES of them on the one port."""
    return [sys.executable, "-m", "gunicorn", "--config", "python:app.launch.gunicorn_config", "wsgi:app"]


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as a child's Settings.from_environment reads them."""
    hosts = sorted(settings.allowed_private_hosts)
    return {
        **settings.environment,
        "PATCHBAY_DATA": str(settings.data_folder),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "PUBLIC_URL": settings.public_url,
        "HOST": settings.host,
        "SECRET_KEY_FILE": str(settings.secret_key_file),
        "ALLOWED_PRIVATE_HOSTS": ",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in hosts
        ),
        **{name.upper(): str(getattr(settings, name)) for name in NUMBERS},
    }


def commands(settings: Settings) -> list[list[Command]]:
    """Groups in the order of their start; they stop in the opposite one, so web, which takes work in, goes first."""

    def command(name: str, *arguments: str) -> Command:
        return Command(name, [sys.executable, "-m", *arguments], as_environment(settings), PROJECT_FOLDER)

    workers = range(1, settings.worker_processes + 1)
    return [
        [command("customer-api", "examples.customer_api", "--quiet")],
        [
            *(command(f"worker-{number}", "app.cli", "worker") for number in workers),
            command("sweeper", "app.cli", "sweep"),
        ],
        [Command("web", web_arguments(), as_environment(settings), PROJECT_FOLDER)],
    ]
