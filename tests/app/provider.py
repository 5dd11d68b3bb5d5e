"""A provider of messages for the tests: three channels that differ in what is known after an attempt without an answer.

`double_keys` ignores a repeated key, `double_lookup` tells what it has, `double_neither` does neither. What reaches the
provider is in its log; it answers what was prepared, else it takes the message.
"""

import importlib.metadata
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from app.channels import registry
from app.channels.contract import Channel, ConnectionInfo, Http, OutgoingMessage, SendFailed, SendPolicy, Sent
from app.outgoing import ConnectionLost, NotConnected

Plan = Literal["take", "hold", "lose_answer", "drop", "unreachable", "refuse", "later", "slow_down", "break"]
RETRY_AFTER_SECONDS = 40.0
_PATIENCE_SECONDS = 20.0


@dataclass
class Provider:
    """One provider. `attempts` are all requests that reached it, `taken` the messages it has, by its own ids."""

    name: str
    plans: deque[Plan] = field(default_factory=deque)  # for the next attempts, in order
    attempts: list[OutgoingMessage] = field(default_factory=list)
    taken: dict[str, OutgoingMessage] = field(default_factory=dict)
    lookups: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _by_key: dict[str, str] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        """What the contacts got, in order."""
        return [one.message.text for one in self.taken.values()]

    def receive(self, outgoing: OutgoingMessage, *, has_keys: bool) -> Sent:
        """One request. Raises what was prepared."""
        with self._guard:
            plan: Plan = self.plans.popleft() if self.plans else "take"
            self.attempts.append(outgoing)
            provider_id = self._take(outgoing, has_keys) if plan in {"take", "hold", "lose_answer"} else ""
        match plan:
            case "take" | "hold":
                if plan == "hold":  # it has the message, but its answer is long in coming
                    self.released.wait(_PATIENCE_SECONDS)
                return Sent(provider_id)
            case "lose_answer" | "drop":
                raise ConnectionLost("The provider broke off.", may_have_arrived=True, answer_began=False)
            case "unreachable":
                raise NotConnected("The provider cannot be reached.", may_have_arrived=False)
            case "refuse":
                raise SendFailed("invalid_recipient", "There is no such address.", final=True)
            case "later":
                raise SendFailed("provider_code", "The provider is busy.", final=False)
            case "slow_down":
                raise SendFailed(
                    "provider_code",
                    "Too many requests.",
                    final=False,
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                    whole_number=True,
                )
            case "break":
                raise RuntimeError("a plugin's bug")

    def find(self, outgoing: OutgoingMessage, owned: frozenset[str]) -> Sent | None:
        """The message it has for this address and text, unless somebody owns it already."""
        self.lookups += 1
        with self._guard:
            for provider_id, one in self.taken.items():
                if provider_id not in owned and (one.to, one.message.text) == (outgoing.to, outgoing.message.text):
                    return Sent(provider_id)
        return None

    def _take(self, outgoing: OutgoingMessage, has_keys: bool) -> str:
        if has_keys and outgoing.key in self._by_key:
            return self._by_key[outgoing.key]
        provider_id = f"{self.name}-{len(self.taken) + 1}"
        self.taken[provider_id] = outgoing
        self._by_key[outgoing.key] = provider_id
        return provider_id


PROVIDERS: dict[str, Provider] = {}
"""Those of the present tests, by the setting `provider` of their connections."""


class _Double(Channel):
    """What the three have in common."""

    title: ClassVar[str] = "Double"

    def send(self, connection: ConnectionInfo, outgoing: OutgoingMessage, http: Http) -> Sent:
        """To the test's provider, or for several processes into the file `log`."""
        if "log" in connection.settings:
            line = {"key": outgoing.key, "to": outgoing.to, "text": outgoing.message.text}
            with Path(connection.settings["log"]).open("a") as log:
                log.write(json.dumps(line) + "\n")
            return Sent(f"log-{outgoing.key}")
        return PROVIDERS[connection.settings["provider"]].receive(
            outgoing, has_keys=self.policy.key_lifetime_seconds > 0
        )

    def look_up(
        self,
        connection: ConnectionInfo,
        outgoing: OutgoingMessage,
        sending_at: datetime,
        owned: frozenset[str],
        http: Http,
    ) -> Sent | None:
        """What the test's provider has."""
        return PROVIDERS[connection.settings["provider"]].find(outgoing, owned)


class KeysDouble(_Double):
    """Honours a key for an hour."""

    kind: ClassVar[str] = "double_keys"
    policy: ClassVar[SendPolicy] = SendPolicy(key_lifetime_seconds=3_600)


class LookupDouble(_Double):
    """Knows what it has."""

    kind: ClassVar[str] = "double_lookup"
    policy: ClassVar[SendPolicy] = SendPolicy(looks_up=True)


class BothDouble(_Double):
    """Honours a key for an hour and knows what it has."""

    kind: ClassVar[str] = "double_both"
    policy: ClassVar[SendPolicy] = SendPolicy(key_lifetime_seconds=3_600, looks_up=True)


class NeitherDouble(_Double):
    """Neither honours keys nor tells."""

    kind: ClassVar[str] = "double_neither"


class ConfirmingDouble(_Double):
    """Answers STOP itself."""

    kind: ClassVar[str] = "double_confirming"
    policy: ClassVar[SendPolicy] = SendPolicy(key_lifetime_seconds=3_600)
    confirms_opt_out: ClassVar[bool] = True


_DOUBLES = (KeysDouble, LookupDouble, NeitherDouble, ConfirmingDouble, BothDouble)
KINDS = tuple(one.kind for one in _DOUBLES)


@cache
def _installed(group: str) -> tuple[EntryPoint, ...]:
    """What is really installed; looking takes longer than many a test."""
    return tuple(importlib.metadata.entry_points(group=group))


def install_doubles(patch: pytest.MonkeyPatch) -> None:
    """Makes the registry find the doubles as it finds plugins."""
    ours = [EntryPoint(one.kind, f"{__name__}:{one.__name__}", registry.ENTRY_POINTS) for one in _DOUBLES]

    def entry_points(*, group: str) -> list[EntryPoint]:
        return [*_installed(group), *(ours if group == registry.ENTRY_POINTS else [])]

    patch.setattr(registry, "entry_points", entry_points)
    registry.channels.cache_clear()
