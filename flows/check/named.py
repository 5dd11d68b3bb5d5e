"""Named things of the installation: those a flow uses must be there and work, and no number is claimed twice."""

from collections.abc import Iterator

from flows import form
from flows.check.finding import Finding, Slot, slots
from flows.check.survey import Placed, Survey
from flows.form import Reference

_USED_FOR = {"calls": "calls", "messages": "messages", "api": "messages", "schedule": "messages"}
_WORDS = {"api": "API calls"}


def named(survey: Survey) -> Iterator[Finding]:
    """Credentials, queues, numbers, constants and files that are missing; numbers that are claimed twice."""
    known = {
        "credential": survey.names.credentials,
        "queue": survey.names.queues,
        "calendar": survey.names.calendars,
        "number": frozenset(survey.names.numbers),
        "constant": survey.names.constants,
        "connection": survey.names.connections,
        "segment": survey.names.segments,
        "flow": frozenset(survey.names.flows),
        "file": frozenset(survey.names.files),
    }
    for placed in survey.placed.values():
        for reference in _references(placed):
            if reference.name not in known[reference.kind]:
                word = reference.kind
                yield placed.blocking(
                    "missing_reference",
                    reference.field,
                    f"{placed.title} uses the {word} “{reference.name}”, and this installation has none of that name.",
                    f"Choose another {word}, or create it in the settings.",
                )
            elif reference.kind == "number":
                yield from _number(survey, placed, reference)
            elif reference.media_types and survey.names.files[reference.name] not in reference.media_types:
                kind = survey.names.files[reference.name]
                sentence = f"{placed.title} uses a stored file of the kind {kind}, which cannot be used there."
                mend = f"Choose a file of the kind {' or '.join(reference.media_types)}."
                yield placed.blocking("file_unsuitable", reference.field, sentence, mend)
    yield from _claims(survey)


def _number(survey: Survey, placed: Placed, reference: Reference) -> Iterator[Finding]:
    """A number that is there but does not work; what triggers claim of it is looked at with the other claims."""
    name = reference.name
    if name in survey.names.disconnected:
        sentence = (
            f"Nothing comes in or goes out by the number “{name}” of {placed.title}: its connection is turned off."
        )
        yield placed.warning("channel_disconnected", reference.field, sentence, "Turn the connection on.")
    if not placed.is_trigger and "messages" not in survey.names.numbers[name]:
        sentence = f"The number “{name}” sends no messages, as {placed.title} wants it to."
        yield placed.blocking("number_unsuitable", reference.field, sentence, "Choose another number.")


def _references(placed: Placed) -> Iterator[Reference]:
    if placed.kind is None:
        return
    yield from form.references(placed.kind.schema, placed.config)
    for use, template in placed.templates:
        for path in sorted(template.paths):
            parts = path.split(".")
            if parts[0] == "constants" and len(parts) > 1:
                yield Reference("constant", parts[1], use.field)


def _claims(survey: Survey) -> Iterator[Finding]:
    taken: dict[Slot, Placed] = {}
    for trigger in survey.triggers:
        for slot in dict.fromkeys(slots(trigger.claims)):
            kinds = survey.names.numbers.get(slot.number)
            if kinds is not None and _USED_FOR[slot.kind] not in kinds:
                used = _USED_FOR[slot.kind]
                sentence = f"The number “{slot.number}” cannot be used for {used}, as {trigger.title} does."
                yield trigger.blocking("number_unsuitable", "numbers", sentence, "Choose another number.")
            other = f"in {taken[slot].title}" if slot in taken and slot.kind != "schedule" else ""
            if slot in survey.names.claimed:
                other = f"by the live flow “{survey.names.claimed[slot]}”"
            if other:
                what = f"messages with “{slot.keyword}”" if slot.keyword else _WORDS.get(slot.kind, slot.kind)
                yield trigger.blocking(
                    "keyword_conflict" if slot.keyword else "number_conflict",
                    "numbers",
                    f"The {what} of “{slot.number}”, which {trigger.title} wants, are answered already {other}.",
                    "Choose another number or keyword, or take it away there first.",
                )
            taken.setdefault(slot, trigger)
