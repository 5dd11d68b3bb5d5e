"""Calls and messages: which of them reach a step, whether it can work there, and who may talk beside people."""

from collections.abc import Iterator

from flows.check.called import may_talk, works_on
from flows.check.finding import Finding
from flows.check.survey import Placed, Survey
from flows.step import Medium

_MEDIUM_OF_CLAIM: dict[str, Medium] = {
    "calls": "call",
    "messages": "messages",
    "api": "messages",
    "schedule": "messages",
}


def media(survey: Survey) -> Iterator[Finding]:
    """Steps that only calls or only messages suit, reached by the other; and steps that talk while people do."""
    on_call, on_messages = media_reach(survey)
    for id, placed in survey.placed.items():
        suited = works_on(survey, placed)
        if len(suited) != 1 or placed.is_trigger:
            continue
        wants_call = "call" in suited
        suits, other = (id in on_call, id in on_messages) if wants_call else (id in on_messages, id in on_call)
        what, not_there = ("calls", "messages") if wants_call else ("messages", "calls")
        if other and not suits:
            sentence = f"{placed.title} works on {what} only, and only {not_there} come to it."
            mend = f"Replace it by a step for {not_there}, or lead {what} to it."
            yield placed.blocking("wrong_medium", "", sentence, mend)
        elif other:
            sentence = f"{placed.title} works on {what} only, and both calls and messages come to it."
            yield placed.warning("mixed_media", "", sentence, f"Lead {not_there} past it; there it fails.")
    yield from _beside_people(survey)


def media_reach(survey: Survey) -> tuple[set[str], set[str]]:
    """The steps that calls reach, and those that messages reach.

    After a hang-up only messages work. A failure may happen anywhere: what begins the flow reaches `on_failure`.
    """
    roots: dict[Medium, list[str]] = {"call": [], "messages": []}
    for trigger in survey.triggers:
        for medium in _media_of(trigger):
            roots[medium].append(trigger.id)
    for started in roots.values():
        if started:
            started.append(survey.flow.on_failure)
    if roots["call"]:
        roots["messages"].append(survey.flow.on_hang_up)
    return survey.reached(roots["call"]), survey.reached(roots["messages"])


def _media_of(trigger: Placed) -> set[Medium]:
    claimed = {_MEDIUM_OF_CLAIM[claim.kind] for claim in trigger.claims}
    return claimed or set(trigger.media or (trigger.kind.media if trigger.kind else ()))


def _beside_people(survey: Survey) -> Iterator[Finding]:
    """After “assigned” people have the conversation, until a step gives it to people anew and waits for them."""
    waiting = [
        target
        for id, placed in survey.placed.items()
        if any(way.id == "assigned" for way in placed.exits)
        for way, target in survey.edges(id)
        if way == "assigned"
    ]
    found = set(waiting)
    while waiting:
        placed = survey.placed[waiting.pop()]
        if may_talk(survey, placed):
            yield placed.blocking(
                "talks_beside_people",
                "",
                f"{placed.title} talks to the contact while people have the conversation.",
                "Let the forwarding step go on “when closed”, or remove this step from that way.",
            )
        if any(way.id == "closed" for way in placed.exits):
            continue
        for _, target in survey.edges(placed.id):
            if target not in found:
                found.add(target)
                waiting.append(target)
