"""What must hold when a world is at rest; the provider's log and the contacts' own are the witnesses."""

from collections import Counter

from sqlalchemy import text

from app.consistency import breaches
from tests.faults.simulation.people import phone_of
from tests.faults.simulation.world import World

_STRANGE = """
    SELECT 'effect ' || key || ' is ' || state FROM effects WHERE kind = 'send_message' AND state IN ('unknown', 'dead')
    UNION ALL SELECT 'event ' || provider_id || ' was set aside: ' || error FROM inbound_events
    WHERE state = 'set_aside'
"""
_TIMER_WON = """
    SELECT m.provider_id || ' came before ' || t.provider_id || ' fired, and was handled after it'
    FROM inbound_events t JOIN inbound_events m ON m.conversation_id = t.conversation_id
    JOIN runs r ON r.id = t.run_id JOIN conversations c ON c.id = t.conversation_id
    JOIN numbers n ON n.id = c.number_id
    WHERE t.kind = 'timer_fired' AND t.state = 'done' AND m.kind = 'message_received' AND t.turn = 0 AND m.at < t.at
      AND m.handled_at > t.handled_at AND n.name LIKE 'question%' AND m.created_at < t.handled_at
"""
_REPEATED = "SELECT provider_id || ' was begun ' || attempts || ' times' FROM inbound_events WHERE attempts > 1"


def judge(world: World) -> list[str]:
    """What is broken, in sentences; empty when every promise was kept."""
    found = list(world.place.breaches)
    with world.place.database.reading() as session:
        found += [f"consistency: {breach}" for breach in breaches(session)]
        found += session.execute(text(_STRANGE)).scalars()
        found += session.execute(text(_TIMER_WON)).scalars()
        if world.plan.is_calm:
            found += session.execute(text(_REPEATED)).scalars()
    for n, (kind, messages) in enumerate(world.plan.contacts):
        sent = [one.body for one in world.outside.taken if one.to == phone_of(n)]
        if len(world.people.accepted[n]) != messages:
            found.append(f"contact {n}: {len(world.people.accepted[n])} of {messages} messages were accepted")
        if n == world.people.with_people:
            found += _with_people(kind, world.people.accepted[n], sent, world.people.replies)
        elif kind == "echo":
            expected = [f"answer to {body}" for body in world.people.accepted[n]]
            if sent != expected:
                found.append(f"contact {n} got {sent} instead of {expected}")
        else:
            found += _asked(n, world.people.accepted[n], sent)
    found += _visits(world)
    found += world.lost_wake_ups[:1]
    return found


def _asked(n: int, said: list[str], sent: list[str]) -> list[str]:
    """Question and thanks (or too late) take turns, and every message began a question or answered one."""
    left, asked = list(said), False
    for one in sent:
        if not asked and one == "Your name?" and left:
            left.pop(0)
            asked = True
        elif asked and one == "too late":
            asked = False
        elif asked and left and one == f"thanks {left[0]}":
            left.pop(0)
            asked = False
        else:
            return [f"contact {n} said {said} and got {sent}: {one!r} does not follow"]
    return [f"contact {n} said {said} and got {sent} only"] if left or asked else []


def _with_people(kind: str, said: list[str], sent: list[str], replies: list[str]) -> list[str]:
    """A person's reply is sent once; some of the flow's answers were cancelled, none comes twice or out of order."""
    found = [f"the reply {reply!r} was sent {sent.count(reply)} times" for reply in replies if sent.count(reply) != 1]
    if kind == "echo":
        expected = [f"answer to {body}" for body in said]
        got = [one for one in sent if one not in replies]
        rest = iter(expected)
        if not all(one in rest for one in got):
            found.append(f"with people, {got} is not part of {expected}")
    return found


def _visits(world: World) -> list[str]:
    """What may be noted once only was, for each message that asked for it."""
    noted = Counter((one["phone"], one["text"]) for one in world.outside.visits if not one["freely"])
    said = Counter((phone_of(n), body) for n, bodies in world.people.accepted.items() for body in bodies)
    return [f"a visit of {phone} was noted {count} times" for (phone, body), count in noted.items()
            if count > said[phone, body]]  # fmt: skip
