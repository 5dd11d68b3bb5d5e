"""The webhooks' door: verify on the raw request, parse, put into the inbox, answer; then wake a worker.

The calls' half never answers 5xx: a carrier that gets no document hangs up on the caller (RELIABILITY §2, Calls).
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog
from flask import Blueprint, Flask, Response, current_app, request
from sqlalchemy.orm import Session

from app import inbox
from app.calling import UNAVAILABLE, Awaited, Calling
from app.channels.arrival import Arrival, Notice, Report
from app.channels.contract import CallPlace, Document, Unreadable, Unsigned, Webhook
from app.channels.twilio_documents import fallback, whisper
from app.house import House
from app.points import point
from app.store import attachments, webhooks
from app.web.hook_memory import APOLOGY, HookMemory, Known
from app.web.hook_requests import read_webhook
from app.web.rates import Rates
from app.web.refusals import Refusal, refused
from app.web.refused_hooks import RefusedHooks
from app.web.this_house import this_house
from app.web.wakes import Wakes
from flows.effect import HangUp
from flows.event import CallerHungUp, MessageReceived, Recorded
from flows.values import clean_text

blueprint = Blueprint("hooks", __name__)

CALLS: Final = ("calls", "calls/turn")  # these are answered with a voice document
FALLBACK: Final = "calls/fallback"
WHISPER: Final = "calls/whisper"  # on a forwarded leg, whose carrier hangs up where it gets no document
_STATE: Final = "patchbay.hooks"
_RETRY_SECONDS: Final = 0.1
_TRIES_SECONDS: Final = {"calls": 3.0, "turns": 1.0}  # a database restarts in about one; a caller can wait a bit more
Told = Arrival | Report | Notice
_log = structlog.get_logger(_STATE)
_making = threading.Lock()


@dataclass(frozen=True)
class HookState:
    """What this door keeps for one application."""

    house: House
    memory: HookMemory
    calling: Calling
    rates: Rates
    wakes: Wakes
    refused: RefusedHooks


def hook_state() -> HookState:
    """The present application's. Its extension `patchbay.take_one`, where set, is app.runner.take_one."""
    extensions = current_app.extensions
    with _making:
        if _STATE not in extensions:
            house = this_house()
            memory = HookMemory(house)
            calling = Calling(house, extensions.get("patchbay.take_one"))
            rates = Rates(per_second=500, burst=2_000)
            extensions[_STATE] = HookState(house, memory, calling, rates, Wakes(house.lanes), RefusedHooks(house))
        state: HookState = extensions[_STATE]
    return state


def keep_ready(app: Flask) -> None:
    """Keeps what callers hear without a database ready from now on, also in a process that no webhook reaches."""
    with app.app_context():
        hook_state().memory.start()


@blueprint.route("/hooks/<connection>/<path:path>", methods=["GET", "POST"])
def hook(connection: str, path: str) -> Response:
    """One webhook of one connection."""
    state = hook_state()
    if path == FALLBACK:
        return _last_words(state, connection)
    try:
        known = _known(state, connection)
    except UNAVAILABLE:
        if path == WHISPER:
            return _document(whisper("", "", ""))
        return _document(fallback(APOLOGY, "", "en")) if path in CALLS else _unavailable()
    webhook = _signed(state, known, path)
    # Only what the provider signed counts: strangers must not be able to use up its share.
    if waits := state.rates.take(connection):
        sentence = "More webhooks came at once than this connection may send: send this one again in a moment."
        raise Refusal(429, "too_often", sentence, retry_after_seconds=max(1, round(waits)))
    if path == WHISPER:
        return _document(_whispered(known, webhook))
    if path in CALLS:
        return _document(_answer_call(state, known, webhook))
    try:
        _keep(state, known, _parsed(known, webhook), "turns")
    except UNAVAILABLE:
        return _unavailable()
    return Response("", mimetype="text/plain")


def _known(state: HookState, connection: str) -> Known:
    """The connection of this name. Raises: Refusal, what the database raises."""
    known = state.memory.find(connection)
    if known is None or not known.enabled:
        reason = "is switched off" if known else "does not exist"
        raise Refusal(404, "unknown_connection", f"The connection {connection!r} {reason}: correct the address.")
    return known


def _signed(state: HookState, known: Known, path: str) -> Webhook:
    public_url = state.house.settings.effective_public_url
    webhook = read_webhook(request, public_url, path, known.channel.webhook_types)
    try:
        known.channel.verify(known.info, webhook)
    except Unsigned as problem:
        if known.channel.notices:  # a run may be waiting for it
            state.refused.note(known.info.name, str(problem))
        raise Refusal(403, "unsigned", str(problem)) from None
    return replace(webhook, form=_cleaned(webhook.form), query=_cleaned(webhook.query))


def _cleaned(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without what databases refuse; only after the signature, which covers it."""
    return [(clean_text(name), clean_text(value)) for name, value in pairs]


def _parsed(known: Known, webhook: Webhook) -> Sequence[Told]:
    try:
        return known.channel.parse(known.info, webhook)
    except Unreadable as problem:
        raise Refusal(400, "unreadable", str(problem)) from None


def _whispered(known: Known, webhook: Webhook) -> Document:
    try:
        return known.channel.whisper(known.info, webhook)
    except Unreadable as problem:
        raise Refusal(400, "unreadable", str(problem)) from None


def _keep(state: HookState, known: Known, entries: Sequence[Told], lane: str) -> list[inbox.Put | None]:
    """All that one webhook told, in one transaction, then a wake-up. Raises: Refusal, what the database raises."""
    machine = state.house.machine
    gives_up_at = machine.monotonic() + _TRIES_SECONDS[lane]
    puts: list[inbox.Put | None] = []
    while True:
        try:
            puts = _put_all(state.house, known.info.id, entries)
            break
        except inbox.UnknownNumber as problem:
            raise Refusal(404, "unknown_number", str(problem)) from None
        except UNAVAILABLE:  # a retry is safe: whatever was committed is then a duplicate
            if machine.monotonic() >= gives_up_at:
                raise
            machine.sleep(_RETRY_SECONDS)
    point("inbox:committed")
    if entries and lane == "turns":
        state.wakes.wake()
    elif entries:
        state.house.lanes.wake(lane)
    return puts


def _put_all(house: House, connection_id: int, entries: Sequence[Told]) -> list[inbox.Put | None]:
    """In one transaction, which is one statement whenever one is enough."""
    only = entries[0] if len(entries) == 1 else None
    if only is not None and not isinstance(only, Notice) and not house.database.is_sqlite:
        with house.database.at_once() as session:
            put = inbox.put_at_once(session, connection_id, only, house.limits)
        if put is not None:
            point("inbox:written")  # and committed: between the two there is no place left to die at
            return [put]
    with house.database.transaction() as session:
        puts = [_put(session, house, connection_id, entry) for entry in entries]
        point("inbox:written")
    return puts


def _put(session: Session, house: House, connection_id: int, entry: Told) -> inbox.Put | None:
    if isinstance(entry, Notice):
        return webhooks.receive(session, connection_id, entry)
    if not isinstance(entry, Arrival):
        reported = inbox.put_report(session, connection_id, entry)
        if reported is not None and isinstance(entry.happened, Recorded):
            attachments.want_recording(session, reported, entry.happened)
        return reported
    put = inbox.put(session, connection_id, entry, house.limits)
    if isinstance(entry.happened, MessageReceived):
        attachments.want(session, put, entry.happened.media)
    return put


def _answer_call(state: HookState, known: Known, webhook: Webhook) -> Document:
    """What the carrier shall do next, whatever happens here. Raises: Refusal."""
    number = known.channel.number_of(known.info, webhook)
    try:
        return _next_document(state, known, webhook, number) or known.fallback(number)
    except Refusal:
        raise
    except UNAVAILABLE:
        _log.warning("call_not_kept", connection=known.info.name, path=webhook.path)
    except Exception:  # noqa: BLE001  a bug of ours is loud, but the caller is on the line
        _log.exception("call_not_answered", connection=known.info.name, path=webhook.path)
    return known.fallback(number)


def _next_document(state: HookState, known: Known, webhook: Webhook, number: str) -> Document | None:
    """The document of the turn; None when there is none to be had. Raises: Refusal, what the database raises."""
    entries = [entry for entry in _parsed(known, webhook) if not isinstance(entry, Notice)]
    put = _keep(state, known, entries, "calls")[0]
    asked = entries[0]
    if put is None:
        _log.warning("call_unknown", connection=known.info.name, call_id=asked.call_id)
        return None
    turn = asked.turn if isinstance(asked, Report) else 0
    language = known.languages.get(number, "")
    if any(isinstance(entry.happened, CallerHungUp) for entry in entries):  # nobody listens any more
        place = CallPlace(asked.call_id, turn, number, "", language)
        return known.channel.render(known.info, [HangUp()], place)
    awaited = Awaited(known.info.id, put.conversation_id, asked.provider_id, asked.call_id, turn, number, language)
    return state.calling.document(awaited) or state.calling.hold(known.channel, known.info, awaited)


def _last_words(state: HookState, connection: str) -> Response:
    """The fallback document of the number, without engine and database. Raises: Refusal."""
    known = state.memory.recall(connection)
    if known is None:
        return _document(fallback(APOLOGY, "", "en"))
    webhook = _signed(state, known, request.path.partition(f"/hooks/{connection}/")[2])
    number = known.channel.number_of(known.info, webhook)
    _log.warning("call_fell_back", connection=connection, error_code=webhook.field("ErrorCode"))
    return _document(known.fallback(number))


def _document(document: Document) -> Response:
    return Response(document.text, mimetype=document.media_type)


def _unavailable() -> Response:
    sentence = "The database cannot be reached, so nothing was kept: send this webhook again in a few seconds."
    return refused(Refusal(503, "unavailable", sentence, retry_after_seconds=2))
