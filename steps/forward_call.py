"""The step `forward_call`: puts the caller through to somebody's phone."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import phonenumbers

from flows.ask import Answer, PhonesOfContacts, PhonesOfContactsAnswer
from flows.context import Context
from flows.dialling import LONGEST_BRIDGE_SECONDS, LOST_CALL_SECONDS, bridge_seconds
from flows.effect import Dial, Phone
from flows.errors import FlowError
from flows.event import DialEnded, Event
from flows.form import filled, record
from flows.ringing import LONGEST_WHISPER, MOST_PHONES, RING_ERRORS, RING_FIELDS, attempt, rung
from flows.step import Ask, Config, Example, Exit, Group, Json, Medium, Outcome, Problem, Step, Take, Wait, fail
from flows.values import TooLarge
from flows.voice import spoken
from flows.whole_address import NotWhole, whole_address

_NUMBER: Mapping[str, Json] = {"targets": [{"number": "+48221234567"}]}
_SIP: Mapping[str, Json] = {"targets": [{"sip": "sip:anna@example.com;transport=tcp"}]}
_TWO: Mapping[str, Json] = {"targets": [*_NUMBER["targets"], {"number": "+48221234568"}]}
_NO_AGENTS = "Agents have no phones here that a call could ring."


class NotCallable(FlowError):
    """A target that nobody can call; the sentence says why."""


class ForwardCallStep(Step):
    """Puts the caller through to a telephone number, a SIP address or a contact; to several of them one after another
    or all together. The flow goes on when the two have finished talking, or when nobody answered."""

    type: ClassVar[str] = "forward_call"
    title: ClassVar[str] = "Forward the call"
    group: ClassVar[Group] = "people"
    icon: ClassVar[str] = "phone-call"
    media: ClassVar[frozenset[Medium]] = frozenset({"call"})
    waits: ClassVar[bool] = True
    talks: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Json]] = record(RING_FIELDS, required=["targets"])
    errors: ClassVar[Mapping[str, str]] = RING_ERRORS
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "A colleague answers",
            {**_NUMBER, "ring_seconds": 20, "whisper": {"en": "A customer from the hotline."}},
            "answered",
            turns=[DialEnded("completed", seconds=90)],
            on_call=True,
        ),
        Example(
            "The second one answers",
            _TWO,
            "answered",
            turns=[DialEnded("no-answer"), DialEnded("completed", seconds=5)],
            on_call=True,
            effects=[Dial("+48221234567"), Dial("+48221234568")],
        ),
        Example(
            "Both ring together",
            {**_TWO, "order": "together"},
            "no_answer",
            turns=[DialEnded("no-answer")],
            on_call=True,
            effects=[Dial("+48221234567", also=(Phone("+48221234568"),))],
        ),
        Example("The line is busy", _SIP, "busy", turns=[DialEnded("busy", sip_status=486)], on_call=True),
        Example(
            "A contact by e-mail",
            {"targets": [{"contact": "anna@example.com"}]},
            "answered",
            turns=[PhonesOfContactsAnswer(("+48500100100",)), DialEnded("completed")],
            on_call=True,
        ),
        Example(
            "The other side is down",
            _SIP,
            "failure",
            turns=[DialEnded("failed", sip_status=503)],
            on_call=True,
            error="sip_status",
        ),
        Example(
            "A number that is none", {"targets": [{"number": "12"}]}, "failure", on_call=True, error="invalid_number"
        ),
        Example("A message cannot be put through", _NUMBER, "failure", error="call_ended"),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """Answered, once the two have finished; nobody could, or nobody did."""
        return (Exit("answered"), Exit("busy"), Exit("no_answer", "no answer"))

    def summary(self, config: Config) -> str:
        """Who is called."""
        who = (next(iter(target.values()), "") for target in config.get("targets", ()))
        return f"→ {(' + ' if config.get('order') == 'together' else ', ').join(who) or '…'}"

    def problems(self, config: Config) -> Sequence[Problem]:
        """Targets that can never be called, and what not every carrier does."""
        found: list[Problem] = []
        targets = config.get("targets", ())
        for index, target in enumerate(targets):
            where = f"targets.{index}"
            number = target.get("number", "{{")
            if "{{" not in number and _e164(number) is None:
                sentence = f"“{number}” is no telephone number with + and country code."
                found.append(Problem("invalid_number", f"{where}.number", sentence, "Write it as +48221234567."))
            if not target.get("sip", "sip:").lower().startswith(("sip:", "sips:", "{{")):
                sentence = "The address does not begin with sip: or sips:."
                found.append(Problem("invalid_number", f"{where}.sip", sentence, "Write it as sip:anna@example.com."))
            if "agent" in target:
                found.append(
                    Problem("agent_unknown", f"{where}.agent", _NO_AGENTS, "Give a number, or forward to a queue.")
                )
            if "sip" in target and len(targets) > 1 and config.get("order") == "together":
                sentence = "Not every carrier rings a SIP address together with others."
                found.append(
                    Problem("sip_together", f"{where}.sip", sentence, "Ring them one after another.", "warning")
                )
        return found

    def effective_limit(self, config: Config) -> float | None:
        """The longest time from dialling until the run goes on."""
        full = filled(self.schema, config)
        return float(full["ring_seconds"] + full.get("limit_seconds", LONGEST_BRIDGE_SECONDS) + LOST_CALL_SECONDS)

    def run(self, context: Context) -> Outcome:
        """Find out who is to be called, and ring; where contacts are named, ask for their numbers first."""
        phones, skipped, contacts = _phones(context)
        if contacts:
            return Ask(PhonesOfContacts(tuple(contacts)), keep={"phones": phones, "skipped": skipped})
        return self._ring(context, {"phones": phones, "tried": [], "skipped": skipped})

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Ring, with the contacts' numbers in their places."""
        if not isinstance(answer, PhonesOfContactsAnswer):
            raise TypeError(f"Contacts' numbers were asked for, and {type(answer).__name__} came.")
        known = iter(answer.phones)
        phones, skipped = [], list(context.kept["skipped"])
        for one in context.kept["phones"]:
            if "contact" not in one:
                phones.append(one)
            elif number := next(known, ""):
                phones.append({"number": number})
            else:
                skipped.append(f"No contact with the address {one['contact']} has a telephone number.")
        return self._ring(context, {"phones": phones, "tried": [], "skipped": skipped})

    def resume(self, context: Context, event: Event) -> Outcome:
        """Leave when they have talked, else ring the next one."""
        kept = context.kept
        together = context.config.get("order") == "together"
        ringing, later = (kept["phones"], []) if together else (kept["phones"][:1], kept["phones"][1:])
        if not isinstance(event.happened, DialEnded):  # the carrier lost the call
            return Take("no_answer", why={"tried": kept["tried"], "lost": "The carrier did not come back."})
        tried = [*kept["tried"], attempt(event.happened, [Phone(**one) for one in ringing])]
        if event.happened.outcome == "completed":
            return Take("answered", why={"tried": tried})
        if later:
            return self._ring(context, {**kept, "phones": later, "tried": tried})
        return rung(tried, {"tried": tried, "skipped": kept["skipped"]})

    def _ring(self, context: Context, keep: Mapping[str, Any]) -> Outcome:
        """The first of the phones that are left, or all of them at once."""
        phones = keep["phones"]
        if not phones:
            return fail("invalid_number", " ".join(keep["skipped"]) or "Nobody is there to be called.")
        config = filled(self.schema, context.config)
        at_once = phones[:MOST_PHONES] if config["order"] == "together" else phones[:1]
        first, *others = (Phone(**one) for one in at_once)
        has_sip = any(phone.sip for phone in (first, *others))
        whisper = spoken(context, config.get("whisper", {}))
        if whisper is not None and len(whisper.text) > LONGEST_WHISPER:
            raise TooLarge(f"The whisper has {len(whisper.text)} characters; {LONGEST_WHISPER} are allowed.")
        verb = Dial(
            number=first.number,
            sip=first.sip,
            headers={row["name"]: context.header(row["value"]) for row in config.get("headers", ())} if has_sip else {},
            caller_id=context.text(config["caller_id"]),
            ring_seconds=round(config["ring_seconds"]),
            limit_seconds=min(bridge_seconds(context), round(config.get("limit_seconds", LONGEST_BRIDGE_SECONDS))),
            also=tuple(others),
            whisper=whisper,
        )
        until = context.now + timedelta(seconds=verb.ring_seconds + verb.limit_seconds + LOST_CALL_SECONDS)
        rings = [one.number or one.sip for one in (first, *others)]
        return Wait(("dial",), until=until, keep=keep, effects=[verb], why={"rings": rings})


def _phones(context: Context) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """The phones of the targets in order, contacts still by their address; why some are left out; the contacts.

    Raises: ExpressionError, TooLarge.
    """
    phones: list[dict[str, Any]] = []
    skipped: list[str] = []
    for kind, source in _wanted(context):
        try:
            if kind in {"agent", "unusable"}:
                raise NotCallable(_NO_AGENTS if kind == "agent" else source)
            phones.append({"number": _number(source)} if kind == "number" else {kind: source})
        except NotCallable as problem:
            skipped.append(str(problem))
    return phones, skipped, [one["contact"] for one in phones if "contact" in one]


def _wanted(context: Context) -> Iterator[tuple[str, str]]:
    """The kind of each target, and what its template stands for; a list's entries one by one."""
    for target in context.config["targets"]:
        ((kind, source),) = target.items()
        if kind == "list":
            listed = context.strict_value(source)
            for one in listed if isinstance(listed, list) else [listed]:
                text = one.strip() if isinstance(one, str) else ""
                yield (
                    ("sip" if text.lower().startswith(("sip:", "sips:")) and len(text.split()) == 1 else "number"),
                    text,
                )
        elif kind == "sip":
            try:
                yield kind, whole_address(context, source, schemes=("sip:", "sips:"))
            except NotWhole as problem:
                yield "unusable", str(problem)
        else:
            yield kind, context.strict_text(source).strip()


def _number(written: str) -> str:
    if (number := _e164(written)) is None:
        raise NotCallable(f"“{written[:60]}” is no telephone number with + and country code.")
    return number


def _e164(written: str) -> str | None:
    try:
        number = phonenumbers.parse(written.strip())
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
