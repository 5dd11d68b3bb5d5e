"""The chat's JSON doors, as docs/web-chat.md describes them: verify, put into the inbox, answer, then wake a worker."""

from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, current_app, jsonify, request
from flask.blueprints import BlueprintSetupState
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import inbox
from app.channels.arrival import Report
from app.channels.visitor import (
    IdentityRefused,
    TokenRefused,
    Visitor,
    new_guest,
    read_identity,
    read_token,
    write_token,
)
from app.channels.web_chat import arrival
from app.db import now
from app.files import LARGEST_FILE_BYTES, media_type_of, store_file
from app.house import House
from app.models.conversation import Message, reference
from app.web.chat_feed import Place, Seen, look, unread
from app.web.chat_number import Chat, find_chat
from app.web.chat_refusals import empty, file_type_refused, no_chat, origin_refused, too_often
from app.web.chat_requests import (
    body_of,
    file_handle,
    posted_message,
    received,
    text_field,
    visitor_of,
    whole_field,
)
from app.web.origins import may_post
from app.web.rates import Rates
from app.web.refusals import Refusal, refused, too_large
from app.web.this_house import this_house
from app.web.updates import new_ticket

blueprint = Blueprint("chat", __name__)

_ACCEPTED: Final = ("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain")
_DELIVERED, _READ = 6, 7  # a message's rank when it reached the page, and when somebody saw it
_RATES: Final = "patchbay.chat_rates"


def _set_rates(state: BlueprintSetupState) -> None:
    # More than any person writes; 20 messages a minute already pause the run (STEPS, Messaging).
    state.app.extensions[_RATES] = {
        "messages": Rates(per_second=1, burst=60),
        "files": Rates(per_second=0.2, burst=10),
        "looks": Rates(per_second=5, burst=100),
    }


blueprint.record_once(_set_rates)


@blueprint.post("/chat/<name>/visits")
def visit(name: str) -> Response:
    """Begins or continues a visit: {token?, user?} → the visitor's token and the newest messages."""
    house, body = this_house(), body_of(request)
    with house.database.reading() as session:
        chat = _chat(session, house, name)
        visitor = _visiting(
            house, chat, text_field(body, "token", 4_096), text_field(body, "user", 8_192), now(session)
        )
        seen = look(session, house.key, _place(chat, visitor))
    who = {"visitor": f"{visitor.kind}:{visitor.address}", "user": visitor.is_user, "name": visitor.name}
    return _answer(token=write_token(house.key, visitor), **who, **_shown(seen))


@blueprint.post("/chat/<name>/tickets")
def ticket(name: str) -> Response:
    """What opens /updates for the next minute."""
    house = this_house()
    with house.database.reading() as session:
        chat, visitor = _known(session, house, name, "looks")
        return _answer(ticket=new_ticket(session, house.key, _place(chat, visitor)), expires_in_seconds=60)


@blueprint.get("/chat/<name>/messages")
def messages(name: str) -> Response:
    """Older messages: those before the id `before`."""
    house, before = this_house(), request.args.get("before", default=0, type=int)
    with house.database.reading() as session:
        chat, visitor = _known(session, house, name, "looks")
        return _answer(**_shown(look(session, house.key, _place(chat, visitor), before=max(0, min(before, 2**62)))))


@blueprint.post("/chat/<name>/messages")
def post_message(name: str) -> Response:
    """Takes one message, once for each key: {key, text, choice?, language?, files?}; a repeat gets the same answer."""
    house, body = this_house(), body_of(request)
    with house.database.reading() as session:
        chat, visitor = _known(session, house, name, "messages")
        posted = posted_message(body)
        message = received(session, house.key, visitor, posted)
    arrived = arrival(chat.value, visitor, posted.key, message, posted.language or chat.language)
    with house.database.transaction() as session:
        put = inbox.put(session, chat.connection_id, arrived, house.limits)
        mine = (Message.conversation_id == put.conversation_id, Message.event_id == put.event_id)
        stored = session.execute(select(Message.id, Message.created_at).where(*mine)).one()
    house.lanes.wake("turns")
    house.lanes.announce(put.conversation_id)
    return _answer(
        key=posted.key,
        id=stored.id,
        at=stored.created_at.isoformat(timespec="milliseconds"),
        conversation=reference(put.conversation_id),
        shortened=len(posted.text) > house.limits.inbound_text,
    )


@blueprint.post("/chat/<name>/files")
def post_file(name: str) -> Response:
    """Takes the raw bytes of one file; the handle it answers goes into a message of the same visitor."""
    house = this_house()
    with house.database.reading() as session:
        _, visitor = _known(session, house, name, "files")
    if (request.content_length or 0) > LARGEST_FILE_BYTES:
        raise too_large(LARGEST_FILE_BYTES)
    request.max_content_length = LARGEST_FILE_BYTES
    content = request.get_data(cache=False)
    if not content:
        raise empty()
    media_type = media_type_of(content)
    if media_type not in _ACCEPTED:
        raise file_type_refused()
    with house.database.transaction() as session:
        file_id = store_file(session, content)
    return _answer(file=file_handle(house.key, visitor, file_id), media_type=media_type, size_bytes=len(content))


@blueprint.post("/chat/<name>/receipts")
def receipts(name: str) -> Response:
    """Notes that our messages up to an id reached the page, or were read: {up_to, read?}."""
    house, body = this_house(), body_of(request)
    up_to, rank = whole_field(body, "up_to"), _READ if body.get("read") is True else _DELIVERED
    with house.database.reading() as session:
        chat, visitor = _known(session, house, name, "looks")
        rows = unread(session, _place(chat, visitor), up_to, rank)
    if rows:
        news = {"rank": rank, "error_kind": "", "error": "", "provider_id": ""}
        with house.database.transaction() as session:
            for message_id, connection_id, effect_id in rows:
                report = Report(f"receipt:{message_id}:{rank}", "message_status", news, effect_id=effect_id)
                inbox.put_report(session, connection_id, report)
        house.lanes.wake("turns")
    return _answer(noted=len(rows))


@blueprint.errorhandler(IdentityRefused)
def _refuse_identity(error: IdentityRefused) -> Response:
    return refused(Refusal(403, error.code, str(error)))


def _chat(session: Session, house: House, name: str) -> Chat:
    chat = find_chat(session, name)
    if chat is None:
        raise no_chat()
    if not may_post(request, house.settings.effective_public_url, chat.settings.allowed_origins):
        raise origin_refused()
    return chat


def _known(session: Session, house: House, name: str, rate: str) -> tuple[Chat, Visitor]:
    """The chat and the visitor of a request with a bearer token, unless they come too often."""
    chat = _chat(session, house, name)
    visitor = visitor_of(request, house.key, now(session))
    if waits := current_app.extensions[_RATES][rate].take(f"{visitor.kind}:{visitor.address}"):
        raise too_often(waits)
    return chat, visitor


def _visiting(house: House, chat: Chat, token: str, user: str, present: datetime) -> Visitor:
    """Whoever the host page signed for, else the guest of an earlier visit with a new end, else a new guest."""
    if user:
        return read_identity(chat.connection_id, chat.identity_secret(house.key), chat.country, user, present)
    guest = new_guest(present)
    try:
        earlier = read_token(house.key, token, present)
    except TokenRefused:
        return guest
    return earlier if earlier.is_user else Visitor("visitor", earlier.address, guest.expires_at)


def _place(chat: Chat, visitor: Visitor) -> Place:
    return Place(chat.id, visitor.kind, visitor.address)


def _shown(seen: Seen) -> dict[str, Any]:
    return {"messages": seen.messages, "conversation": seen.conversation, "more": seen.more}


def _answer(**fields: Any) -> Response:
    response = jsonify(fields)
    response.headers["Cache-Control"] = "no-store"
    return response
