"""Messages on their way out: what is known of them before they are stored, and when they may leave.

Keeps the promise of manners towards customers: nothing of a schedule leaves without consent or in the contact's quiet
hours, however long the run has waited since it began. `store.opted_out` looks again when it leaves.
"""

from dataclasses import replace

from app.db import to_microseconds
from app.desk.quiet_hours import allowed_at
from app.handled import Outgoing
from app.scene import Scene
from app.store.opted_out import NO_CONSENT, OPTED_OUT
from flows import wire
from flows.composing import SEND_ERRORS
from flows.effect import SendMessage
from flows.event import Event
from flows.run import Run
from flows.values import canonical_json


def mannerly(scene: Scene, run: Run, event: Event, outgoing: Outgoing) -> Outgoing:
    """The message as it may leave: at once, unless a schedule began the run and the contact has said nothing in it yet;
    then put off to the end of the quiet hours, or not at all."""
    if not run.unasked_hours:
        return outgoing
    row = scene.held.row
    if row.consent != "given" and not outgoing.error_kind:
        return replace(outgoing, error_kind="opted_out", error=NO_CONSENT)
    return replace(outgoing, not_before=put_off_until(scene, run, event))


def put_off_until(scene: Scene, run: Run, event: Event) -> int:
    """When what such a run says unasked may leave, in microseconds; 0 = at once."""
    if not run.unasked_hours:
        return 0
    first, _, last = run.unasked_hours.partition("-")
    zone = scene.held.row.contact_zone or scene.installation.zone
    allowed = allowed_at(event.now, zone, int(first), int(last))
    return to_microseconds(allowed) if allowed > event.now else 0


def outgoing(scene: Scene, key: str, message: SendMessage, *, opted_out: bool) -> Outgoing:
    """A message on its way into the outbox, or why it can never leave."""
    row, number, error_kind, error = scene.held.row, message.number, "", ""
    policy = scene.channel.policy_of(scene.connection)
    if number == scene.number.name and row.kind == "messages":
        number = ""
    if number:  # what is known here is about the conversation's own number
        pass
    elif opted_out:
        error_kind, error = "opted_out", OPTED_OUT
    elif not scene.number.answers_messages:
        error_kind, error = "channel_disconnected", f"The number {scene.number.name} sends no messages."
    elif not message.template and _is_window_over(scene):
        error_kind, error = "outside_24h_window", SEND_ERRORS["outside_24h_window"]
    return Outgoing(
        key=key,
        payload=wire.write(message),
        text=message.text,
        media=canonical_json([wire.to_data(item) for item in message.media]),
        choices=canonical_json([wire.to_data(choice) for choice in message.choices]),
        author="flow",
        connection_id=scene.connection.id,
        number_id=scene.number.id,
        to=row.address,
        number=number,
        local=not number and policy.local,
        has_key=not number and policy.key_lifetime_seconds > 0,
        error_kind=error_kind,
        error=error,
    )


def _is_window_over(scene: Scene) -> bool:
    """Whether the contact's last message is too long ago for words that the provider has not seen before."""
    windows = scene.channel.free_form_seconds.items()
    window = next((seconds for begins, seconds in windows if scene.number.value.startswith(begins)), None)
    last = scene.held.row.last_message_at or 0
    return window is not None and scene.held.event_now - last > window * 1_000_000
