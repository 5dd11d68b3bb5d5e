"""The outbox: one attempt to hand a message to its provider, and what is known afterwards."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.channels.contract import NO_THREAD, ConnectionInfo, Http, OutgoingMessage, SendFailed, SendPolicy, Sent, Thread
from app.channels.registry import channel_of
from app.db import from_microseconds
from app.handled import Unsent
from app.outgoing import OutgoingError
from app.points import point
from app.store.sends import Settled
from flows import wire
from flows.effect import SendMessage
from flows.event import Attachment

# Earlier, the provider's own list may not show a message it has: that would make the duplicate.
LOOKS_UP_AFTER_SECONDS = 30.0
RECHECK_WITH_KEY_SECONDS = 2.0  # a crashed attempt with a key may simply be repeated
PAUSES_SECONDS = (0.5, 10, 60, 600, 3_600, 21_600, 60_500)  # 8 attempts over 24 h; most outages are a restart
_FREE_CRASHES = 5  # in a row: these are rather somebody's kills than this message's fault
# Given up after both: the first may be late because we were away. Attempts that were refused before the one that got no
# answer count among the times too; after three of them the first look-up that is late and fails is the last.
_LOOKS_UP_SECONDS, _LOOKS_UP_TIMES = 300.0, 3
_STALE_SECONDS = 5.0  # a mark must be young when the request leaves, else somebody may have taken over


@dataclass(frozen=True)
class Attempt:
    """A message marked `sending` by this process."""

    unsent: Unsent
    connection: ConnectionInfo
    sender: str
    owned: frozenset[str] = frozenset()  # provider ids other effects own, for a look-up
    age_seconds: float = 0.0  # since the attempt that got no answer, for a look-up
    media: tuple[Attachment, ...] = ()  # the message's files, each stored one with an address
    thread: Thread = NO_THREAD
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def message_of(unsent: Unsent) -> SendMessage:
    """The message as it was meant; its stored files have no address yet."""
    return wire.read(SendMessage, unsent.payload)


def policy_of(connection: ConnectionInfo) -> SendPolicy:
    """What may be assumed after an attempt without an answer."""
    return channel_of(connection.kind).policy_of(connection)


def recheck_seconds(connection: ConnectionInfo, unsent: Unsent) -> float:
    """When a `sending` message without an answer is looked at again, should this process die now.

    Soon, as our own crash is not the provider's refusal; but what ends its process again and again gets the pauses.
    """
    usual = RECHECK_WITH_KEY_SECONDS if policy_of(connection).key_lifetime_seconds else LOOKS_UP_AFTER_SECONDS
    beyond = _crashes(unsent) - _FREE_CRASHES
    return usual if beyond < 0 else max(usual, PAUSES_SECONDS[min(beyond, len(PAUSES_SECONDS) - 1)])


def must_not_repeat(connection: ConnectionInfo, unsent: Unsent, now: int) -> bool:
    """Whether a resumed message can neither be repeated nor looked up, or has ended too many processes: it is unknown
    then, and people decide."""
    policy = policy_of(connection)
    if _crashes(unsent) > _FREE_CRASHES + len(PAUSES_SECONDS):
        return True
    return not policy.looks_up and not _key_holds(policy, unsent, now)


def looks_up_first(connection: ConnectionInfo, unsent: Unsent, now: int, *, resumed: bool) -> bool:
    """Whether a message is looked up instead of repeated with its key: one that is resumed, or one whose key has
    expired since an attempt, which may have arrived."""
    policy = policy_of(connection)
    may_have_arrived = resumed or (policy.key_lifetime_seconds > 0 and unsent.attempts > 0)
    return policy.looks_up and may_have_arrived and not _key_holds(policy, unsent, now)


def too_young_seconds(age_seconds: float, *, doubted: bool) -> float:
    """How long a look-up has to wait: earlier, "not found" is not to be believed. `doubted`: nor is the age."""
    return LOOKS_UP_AFTER_SECONDS if doubted else max(LOOKS_UP_AFTER_SECONDS - age_seconds, 0)


def look_up(attempt: Attempt, http: Http) -> Settled | None:
    """What the provider knows of a message of an earlier attempt; None when it does not have it."""
    channel = channel_of(attempt.connection.kind)
    sending_at = from_microseconds(attempt.unsent.sending_at or 0)
    try:
        sent = channel.look_up(attempt.connection, _message(attempt), sending_at, attempt.owned, http)
    except (OutgoingError, SendFailed) as error:
        tried_enough = attempt.unsent.failures >= _LOOKS_UP_TIMES
        if tried_enough and attempt.age_seconds > _LOOKS_UP_SECONDS:  # it must not hold up the later ones for ever
            return Settled(attempt.unsent, "unknown", error=str(error))
        pause = LOOKS_UP_AFTER_SECONDS
        return Settled(attempt.unsent, "later", error=str(error), again_seconds=pause, failed=not tried_enough)
    return _sent(attempt, sent) if sent else None


def deliver(attempt: Attempt, http: Http) -> Settled:
    """One attempt. Never raises for what the provider or the network does."""
    channel = channel_of(attempt.connection.kind)
    point("send:before")
    if any(item.file and not item.url for item in attempt.media):
        why = "A file of the message is not stored here any more: choose it again, then send the message anew."
        return Settled(attempt.unsent, "dead", error_kind="media_unreachable", error=why)
    try:
        sent = channel.send(attempt.connection, _message(attempt), http)
    except SendFailed as failed:
        return _failed(attempt, failed)
    except OutgoingError as error:
        return _no_answer(attempt, error)
    point("send:after")
    return _sent(attempt, sent)


def tell_carrier(attempt: Attempt, addresses: Mapping[str, str], http: Http) -> Settled:
    """Enters our addresses at the carrier; it may be repeated, so an attempt without an answer is one that failed."""
    channel = channel_of(attempt.connection.kind)
    try:
        channel.set_webhooks(attempt.connection, attempt.sender, addresses, http)
    except SendFailed as failed:
        return _failed(attempt, failed)
    except OutgoingError as error:
        return _again(attempt, "provider_code", str(error), 0, False)
    return Settled(attempt.unsent, "sent")


def retry_later(unsent: Unsent, kind: str, why: str, wish_seconds: float = 0) -> Settled:
    """Another attempt, unless this was the last one; `wish_seconds` is how long the provider wants us to wait."""
    tried = unsent.failures + 1
    if tried > len(PAUSES_SECONDS):
        return Settled(unsent, "dead", error_kind=kind, error=why)
    jitter = random.uniform(0.8, 1.2)  # noqa: S311 - it only spreads load; nothing is decided by it
    pause = max(wish_seconds, PAUSES_SECONDS[tried - 1] * jitter)
    return Settled(unsent, "retry", error=why, again_seconds=pause, failed=True)


def is_stale(age_seconds: float) -> bool:
    """Whether a mark of that age has grown too old to send under it."""
    return age_seconds > _STALE_SECONDS


def _message(attempt: Attempt) -> OutgoingMessage:
    unsent = attempt.unsent
    return OutgoingMessage(
        key=unsent.key,
        effect_id=unsent.id,
        sender=attempt.sender,
        to=unsent.to,
        message=replace(message_of(unsent), media=attempt.media),
        attempt=unsent.attempts,
        thread=attempt.thread,
        contents=attempt.contents,
    )


def _sent(attempt: Attempt, sent: Sent) -> Settled:
    return Settled(attempt.unsent, "sent", provider_id=sent.provider_id, rank=sent.rank)


def _failed(attempt: Attempt, failed: SendFailed) -> Settled:
    if failed.final:
        return Settled(attempt.unsent, "dead", error_kind=failed.kind, error=str(failed))
    return _again(attempt, failed.kind, str(failed), failed.retry_after_seconds, failed.whole_number)


def _no_answer(attempt: Attempt, error: OutgoingError) -> Settled:
    """Whether the message arrived is unknown, unless it certainly never left."""
    if not error.may_have_arrived:
        return _again(attempt, "provider_code", str(error), 0, False)
    policy = policy_of(attempt.connection)
    settled = _again(attempt, "provider_code", str(error), 0, False)
    then = (attempt.unsent.sending_at or 0) + int(settled.again_seconds * 1_000_000)
    if settled.outcome == "dead":  # the last attempt, and it may have arrived
        return Settled(attempt.unsent, "unknown", error=str(error))
    if _key_holds(policy, attempt.unsent, then):
        return settled
    if policy.looks_up:
        return Settled(attempt.unsent, "later", error=str(error), again_seconds=LOOKS_UP_AFTER_SECONDS, failed=True)
    return Settled(attempt.unsent, "unknown", error=str(error))


def _crashes(unsent: Unsent) -> int:
    """How many attempts in a row have ended with their process; one that is still `sending` did so too."""
    return unsent.crashes + (unsent.state == "sending")


def _key_holds(policy: SendPolicy, unsent: Unsent, now: int) -> bool:
    """Whether the provider still knows a key by then, which it may have had since the message was made."""
    return (now - unsent.created_at) / 1_000_000 < policy.key_lifetime_seconds


def _again(attempt: Attempt, kind: str, why: str, wish_seconds: float, whole_number: bool) -> Settled:
    later = retry_later(attempt.unsent, kind, why, wish_seconds)
    blocks = wish_seconds if whole_number and later.outcome == "retry" else 0
    return replace(later, blocks_number_seconds=blocks)
