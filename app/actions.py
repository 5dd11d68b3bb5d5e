"""What people do with a conversation, and what brings it to them: what nobody answers or what failed for good."""

from dataclasses import replace

from app import call_document
from app.handled import Entry, FollowUp, Handled, Outgoing, Trouble
from app.opting import CONFIRMATION
from app.scene import Scene
from app.store.loading import Held
from app.turn_results import ended, follow_up
from flows import wire
from flows.effect import Dial, HangUp, Say, SendMessage
from flows.event import MessageFailed, MessageReceived
from flows.run import Run


def take_over(handled: Handled, scene: Scene, run: Run | None) -> None:
    """People have the conversation from now on.

    A run that put it into the queue goes on waiting for the close; any other ends here, and its timers with it, in the
    same transaction. What a flow has not sent yet is not sent any more, even where its run has ended.
    """
    handled.state = "open"
    handled.activates = True
    if run is not None and not run.in_queue and handled.owner == "flow":
        handled.runs.append(ended(run, scene.held.version_id, "taken_over"))
        handled.cancels_runs.append(int(run.id))
        handled.run_id, handled.finishes_kept = None, True
    if handled.owner != "people":
        handled.cancels_flows = True
        handled.entry = Entry(scene.installation.fallback_queue, 0, "taken over", None, state="active")
    handled.owner = "people"


def reply(handled: Handled, outgoing: Outgoing) -> None:
    """An agent's words; whether they cannot be sent at all is known at once."""
    handled.messages.append(replace(outgoing, author="agent"))
    if outgoing.error_kind:
        handled.follow_ups.append(follow_up(MessageFailed(outgoing.key, outgoing.error_kind, outgoing.error)))


def is_our_timer(held: Held) -> bool:
    """Whether the first event, a timer, belongs to the wait that is under way."""
    first, run = held.events[0], held.run
    return bool(run and int(run.id) == first.run_id and run.waiting is not None and run.waiting.turn == first.turn)


def interrupt(handled: Handled, held: Held) -> None:
    """The run under way, if any, ends for another one; what was written to it is not the other one's."""
    if held.run is not None:
        handled.runs.append(ended(held.run, held.version_id, "interrupted"))
        handled.cancels_runs.append(int(held.run.id))
        handled.finishes_kept = True


def close(handled: Handled, scene: Scene, run: Run | None) -> None:
    """People are done. A run that only waited for them goes on; one they close under way ends like one taken over."""
    if run is not None and handled.owner == "people":
        handled.owner, handled.releases_kept = "flow", True
        return
    if run is not None:
        handled.runs.append(ended(run, scene.held.version_id, "taken_over"))
        handled.cancels_runs.append(int(run.id))
        handled.run_id, handled.finishes_kept = None, True
    handled.owner, handled.state = "none", "closed"


def give_to_people(handled: Handled, scene: Scene, why: str) -> None:
    """In the fallback queue, whoever had it."""
    handled.owner, handled.state = "people", "open"
    handled.entry = Entry(scene.installation.fallback_queue, 0, why, None)


def refuse_call(handled: Handled, scene: Scene) -> None:
    """No live flow answers calls on this number: apologise, ring the number's way out, show it to people."""
    installation, facts = scene.installation, scene.facts()
    words = installation.apology.get(facts.language) or next(iter(installation.apology.values()), "")
    verbs = [Say(words, language=facts.language)] if words else []
    way_out = Dial(number=facts.fallback_number) if facts.fallback_number else HangUp()
    handled.owner = "people"
    handled.entry = Entry(installation.fallback_queue, 0, "no flow answers this call", None)
    call_document.render(handled, scene, [*verbs, way_out], run_goes_on=False)


def pause(handled: Handled, scene: Scene) -> None:
    """The contact writes more than people do, as two robots do that answer each other: people have a look.

    A run under way waits until they close; what happens to it meanwhile is kept.
    """
    handled.finishes_kept = True
    give_to_people(handled, scene, "too many messages in a minute")


def is_paused(scene: Scene, run: Run | None) -> bool:
    """Whether people have the conversation while its run neither put it into their queue nor goes on beside them."""
    row = scene.held.row
    return row.owner == "people" and run is not None and not run.in_queue and row.entry_run_id is None


def opt_out(handled: Handled, scene: Scene, run: Run | None) -> SendMessage | None:
    """No more messages to this address. Returns the confirmation, once, where the provider does not send its own."""
    handled.opted_out, handled.cancels_all = True, True
    if run is not None:
        handled.cancels_runs.append(int(run.id))
        handled.runs.append(ended(run, scene.held.version_id, "opted_out"))
        handled.run_id, handled.finishes_kept = None, True
    if scene.held.row.opted_out_at is not None:
        if handled.owner != "people":
            handled.owner, handled.state = "none", "closed"
        return None
    if handled.owner != "people":
        handled.leaves = "cancelled"
        give_to_people(handled, scene, "opted out of messages")
    if scene.channel.confirms_opt_out:
        return None
    language = scene.facts().language
    return SendMessage(CONFIRMATION.get(language, CONFIRMATION["en"]), language=language)


def note_failed_message(handled: Handled, scene: Scene, failed: MessageFailed) -> None:
    """A message failed for good and no run waits for it: the errors page and, without a run, people."""
    handled.problems.append(Trouble(failed.kind, failed.message or "The message could not be sent."))
    if handled.run_id is None and handled.owner != "people":
        give_to_people(handled, scene, f"message failed: {failed.kind}")


def pass_on(handled: Handled, held: Held, answer: MessageReceived) -> None:
    """A run of another conversation has asked here, and this is the answer; nobody has anything else to do here."""
    told = wire.kind_of(type(answer)), wire.write(answer)
    handled.follow_ups.append(FollowUp(f"answer/{held.events[0].id}", *told, held.asked_by))
    handled.owner, handled.state = "none", "closed"


def set_aside(handled: Handled, held: Held, why: str) -> None:
    """An event that always fails: people get the conversation, and what comes later goes on."""
    first = held.events[0]
    handled.done.remove(first.id)
    handled.set_aside.append((first.id, why))
    handled.problems.append(Trouble("set_aside", f"An event was set aside: {why}."))
    if held.run is not None:
        handled.runs.append(ended(held.run, held.version_id, "failed"))
        handled.cancels_runs.append(int(held.run.id))
        handled.run_id, handled.finishes_kept = None, True
    if handled.owner != "people":
        handled.entry = Entry("", 0, why, None)  # no name: the installation's fallback queue
    handled.owner, handled.state = "people", "open"
