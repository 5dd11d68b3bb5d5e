"""Every setting of an installation, with its type, unit and default; all come from the environment."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flows.limits import Limits

_DATABASES = ("postgresql", "postgres", "postgresql+psycopg", "sqlite")
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingError(Exception):
    """A setting that cannot be used; the message names it and says what it must be."""


@dataclass(frozen=True)
class Settings:
    """The settings of one process. `Settings.from_environment(os.environ)` is how every door makes them."""

    data_folder: Path = Path("var")  # PATCHBAY_DATA: the embedded default's database, key, Redis and logs
    database_url: str = ""  # DATABASE_URL: empty = SQLite in the data folder
    redis_url: str = ""  # REDIS_URL: empty = none given (make run starts a private one)
    public_url: str = ""  # PUBLIC_URL: how the outside sees us; empty = http://127.0.0.1:PORT
    host: str = "127.0.0.1"  # HOST: the address web listens on
    port: int = 8000  # PORT
    secret_key_file: Path = Path("var/secret.key")  # SECRET_KEY_FILE
    trusted_proxies: int = 0  # TRUSTED_PROXIES: proxies in front of web, each of which adds to X-Forwarded-For
    allowed_private_hosts: frozenset[tuple[str, int]] = frozenset()  # ALLOWED_PRIVATE_HOSTS: host:port, comma separated
    web_processes: int = 1  # WEB_PROCESSES
    worker_processes: int = 1  # WORKER_PROCESSES
    ask_threads: int = 48  # ASK_THREADS: outgoing requests of flows under way at once, per worker
    delivery_threads: int = 32  # DELIVERY_THREADS: messages on their way to providers at once, per worker
    call_threads: int = 16  # CALL_THREADS: of the lane `calls`, so that a slow API of messages delays no caller
    messages_per_minute: int = 20  # MESSAGES_PER_MINUTE: a contact who sends more is given to people; 0 = no limit
    host_slots: int = 24  # HOST_SLOTS: requests at once to one host, so that one slow API does not take all threads
    customer_api_port: int = 0  # CUSTOMER_API_PORT: the example API's; 0 = PORT + 1
    limits: Limits = field(default_factory=Limits)  # LIMITS: the engine's, where lower, such as steps_per_run=500
    log_level: str = "info"  # LOG_LEVEL: what is written; `patchbay run` keeps its terminal quiet with "warning"
    environment: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def effective_database_url(self) -> str:
        """DATABASE_URL in SQLAlchemy's spelling, or the embedded SQLite file."""
        url = self.database_url or f"sqlite:///{self.data_folder / 'patchbay.db'}"
        for plain in ("postgresql://", "postgres://"):
            if url.startswith(plain):
                return "postgresql+psycopg://" + url.removeprefix(plain)
        return url

    @property
    def effective_public_url(self) -> str:
        """The address the outside uses, without a slash at its end."""
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    @property
    def effective_customer_api_port(self) -> int:
        """The example API's port."""
        return self.customer_api_port or (self.port + 1 if self.port < 65_535 else self.port - 1)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads all settings; raises SettingError naming the first one that cannot be used."""
        data = Path(environment.get("PATCHBAY_DATA") or "var").absolute()
        return cls(
            data_folder=data,
            database_url=_address(environment, "DATABASE_URL", *_DATABASES),
            redis_url=_address(environment, "REDIS_URL", "redis", "rediss", "unix"),
            public_url=_public_url(environment),
            host=environment.get("HOST", "127.0.0.1"),
            port=_whole(environment, "PORT", 8000, 1, 65_535),
            secret_key_file=Path(environment.get("SECRET_KEY_FILE") or data / "secret.key"),
            trusted_proxies=_whole(environment, "TRUSTED_PROXIES", 0, 0, 10),
            allowed_private_hosts=_hosts(environment.get("ALLOWED_PRIVATE_HOSTS", "")),
            web_processes=_whole(environment, "WEB_PROCESSES", 1, 1, 64),
            worker_processes=_whole(environment, "WORKER_PROCESSES", 1, 1, 64),
            ask_threads=_whole(environment, "ASK_THREADS", 48, 1, 512),
            delivery_threads=_whole(environment, "DELIVERY_THREADS", 32, 1, 512),
            call_threads=_whole(environment, "CALL_THREADS", 16, 1, 512),
            messages_per_minute=_whole(environment, "MESSAGES_PER_MINUTE", 20, 0, 1_000),
            host_slots=_whole(environment, "HOST_SLOTS", 24, 1, 512),
            customer_api_port=_whole(environment, "CUSTOMER_API_PORT", 0, 0, 65_535),
            limits=_limits(environment),
            log_level=_level(environment),
            environment=dict(environment),
        )


def _whole(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or not least <= int(text) <= most:
        raise SettingError(f"{name} is {text!r}: it must be a whole number from {least} to {most}.")
    return int(text)


def _address(environment: Mapping[str, str], name: str, *schemes: str) -> str:
    """A setting that may hold a password, so it is not repeated in the sentence."""
    text = environment.get(name, "")
    try:
        usable = not text or (urlsplit(text).scheme in schemes and urlsplit(text).port != 0)
    except ValueError:  # brackets or a port that are none
        usable = False
    if not usable:
        raise SettingError(f"{name} cannot be used: it must be an address such as {schemes[0]}://host:port/…")
    return text


def _public_url(environment: Mapping[str, str]) -> str:
    text = _address(environment, "PUBLIC_URL", "https", "http")
    parts = urlsplit(text)
    if text and (not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment):
        raise SettingError(f"PUBLIC_URL is {text!r}: it must be like https://phone.example.com, without a path.")
    return text


def _level(environment: Mapping[str, str]) -> str:
    level = environment.get("LOG_LEVEL", "").lower() or "info"
    if level not in LOG_LEVELS:
        raise SettingError(f"LOG_LEVEL is {level!r}: it must be one of {', '.join(LOG_LEVELS)}.")
    return level


def _limits(environment: Mapping[str, str]) -> Limits:
    lowered: dict[str, Any] = {}
    highest = asdict(Limits())
    for entry in filter(None, (part.strip() for part in environment.get("LIMITS", "").split(","))):
        name, _, number = (part.strip() for part in entry.partition("="))
        if not number.isdecimal() or not 1 <= int(number) <= highest.get(name, 0):
            raise SettingError(
                f"LIMITS has {entry!r}: each entry must be like steps_per_run=500, a limit of docs/flows.md "
                "and a whole number from 1 to what it is there."
            )
        lowered[name] = type(highest[name])(number)
    return Limits(**lowered)


def _hosts(text: str) -> frozenset[tuple[str, int]]:
    pairs = set()
    for entry in filter(None, (part.strip() for part in text.split(","))):
        host, _, port = entry.rpartition(":")
        if not host or not port.isdecimal():
            raise SettingError(f"ALLOWED_PRIVATE_HOSTS has {entry!r}: each entry must be host:port.")
        pairs.add((host.strip("[]"), int(port)))
    return frozenset(pairs)
