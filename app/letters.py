"""Hands a letter over: an e-mail by SMTP, a post to the team's chat by its incoming webhook; and what is known then."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from app.credentials import Credential, secrets_of
from app.mail.composing import Draft, compose, domain_of, spelled
from app.mail.message_ids import message_id
from app.mail.servers import MailRefused, MailServer
from app.mail.smtp import SEND_SECONDS, Envelope, submit
from app.outbox import retry_later
from app.outgoing import BlockedAddress, Guarded, OutgoingError, OutgoingRequest
from app.points import point
from app.scrubbing import scrub
from app.store.letters import CREDENTIALS, Taken
from app.store.sends import Settled
from flows.effect import PostToTeam, SendEmail

# Their answer to a text that they do not take: https://api.slack.com/messaging/webhooks and
# https://discord.com/developers/docs/resources/webhook#execute-webhook
_DISCORD: Final = frozenset({"discord.com", "discordapp.com"})
_LONGEST_FOR_DISCORD: Final = 2_000


@dataclass(frozen=True)
class Post:
    """What a letter needs besides itself."""

    credential: Credential | None
    secret: str  # of the installation, for Message-IDs
    public_url: str
    at: datetime


def hand_over(taken: Taken, post: Post, http: Guarded) -> Settled:
    """One attempt. Never raises for what the server or the network does."""
    wanted = CREDENTIALS[taken.unsent.kind]
    credential = post.credential
    if credential is None or credential.kind != wanted:
        why = f"There is no credential “{taken.letter.credential}” of the kind {wanted}, or its secret is missing."
        return Settled(taken.unsent, "dead", error_kind="secret_missing", error=why)
    point("letter:before")
    try:
        provider_id = (
            _post(taken, taken.letter, credential, post, http)
            if isinstance(taken.letter, PostToTeam)
            else _mail(taken, taken.letter, credential, post, http)
        )
    except MailRefused as refused:
        why = scrub(str(refused), secrets_of(credential))  # servers may repeat what they were told
        if refused.final:
            return Settled(taken.unsent, "dead", error_kind=refused.kind, error=why)
        return retry_later(taken.unsent, refused.kind, why)
    except OutgoingError as error:
        if error.may_have_arrived:
            return Settled(taken.unsent, "unknown", error=str(error))
        return retry_later(taken.unsent, "provider_code", str(error))
    point("letter:after")
    return Settled(taken.unsent, "sent", provider_id=provider_id)


def _mail(taken: Taken, letter: SendEmail, credential: Credential, post: Post, http: Guarded) -> str:
    """The Message-ID. Raises: MailRefused, OutgoingError."""
    secret, unsent = credential.secret, taken.unsent
    sender = secret["sender"]
    id_ = message_id(post.secret, unsent.id, unsent.key, domain_of(sender))
    draft = Draft(
        sender=sender,
        to=letter.to,
        cc=letter.cc,
        subject=letter.subject,
        text=_with_link(letter.text, taken, post) if letter.with_link else letter.text,
        html=letter.html,
        message_id=id_,
        at=post.at,
        enclosures=taken.enclosures,
    )
    everybody = tuple(dict.fromkeys(map(spelled, (*letter.to, *letter.cc, *letter.bcc))))
    user, password = secret.get("user", ""), secret.get("secret", "")
    server = MailServer(secret["host"], int(secret["port"]), secret["mode"], user, password)
    submit(server, Envelope(spelled(_address(sender)), everybody, compose(draft)), http, SEND_SECONDS)
    return id_


def _post(taken: Taken, letter: PostToTeam, credential: Credential, post: Post, http: Guarded) -> str:
    """Raises: MailRefused, OutgoingError. Only 429 and 503 say that it was not taken but may be later."""
    url = credential.secret["url"]
    words = _with_link(letter.text, taken, post) if letter.with_link else letter.text
    host = urlsplit(url).hostname or ""
    request = OutgoingRequest(
        "POST",
        url,
        headers={"Content-Type": "application/json", "Idempotency-Key": taken.unsent.key},
        body=json.dumps(_said(words, host)).encode(),
        timeout_seconds=SEND_SECONDS,
        follow_redirects=False,
    )
    try:
        answer = http.send(request)
    except BlockedAddress as error:
        raise MailRefused("blocked_address", str(error), final=True) from None
    if answer.status < 300:
        return ""
    sentence = f"{host} answered with status {answer.status}."
    if answer.status < 500 or answer.status == 503:
        raise MailRefused("provider_code", sentence, final=answer.status not in {429, 503})
    raise OutgoingErrorAfterAnswer(sentence)


class OutgoingErrorAfterAnswer(OutgoingError):
    """The chat answered, but not whether it has the post."""

    kind = "connection_lost"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, may_have_arrived=True)


def _said(words: str, host: str) -> dict[str, object]:
    """The words as a chat takes them; a contact's words can neither call everybody nor hide an address."""
    if host in _DISCORD:
        return {"content": words[:_LONGEST_FOR_DISCORD], "allowed_mentions": {"parse": []}}
    escaped = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": escaped}


def _with_link(words: str, taken: Taken, post: Post) -> str:
    return f"{words}\n\n{post.public_url}/runs/{taken.unsent.run_id}"


def _address(sender: str) -> str:
    return sender.rpartition("<")[2].rstrip("> ") if "<" in sender else sender
