"""The step `update_contact`: writes down what the conversation has told about the contact."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

import phonenumbers
import regex

from flows.answers import read_contact_email
from flows.ask import AddressState, AddressStateAnswer, Answer
from flows.context import Context
from flows.effect import UpdateContact
from flows.form import LANGUAGE_PATTERN, choice, filled, named, record, rows, template, text, unique, value, variable
from flows.mapping import TYPE, as_typed
from flows.step import Ask, Config, Example, Exit, Group, Json, Outcome, Problem, Step, Take, fail
from flows.values import TooLarge, TypeMismatch, Value, canonical_json, encode, in_one_line

_CONSENT: Final = {"unchanged": "Leave it as it is", "given": "They agree", "withdrawn": "They do not agree any more"}
_LONGEST_NAME: Final = 200
_ANNA: Final[Mapping[str, Json]] = {"name": "Anna Nowak", "phone": "+48500100100"}


class UpdateContactStep(Step):
    """Writes down what is known about the contact: name, telephone number, e-mail address, language, time zone, account
    manager, fields of your own, the segments they are in, and whether they agree to messages they did not ask for.
    What is left empty here stays as it is; later conversations read the new values."""

    type: ClassVar[str] = "update_contact"
    title: ClassVar[str] = "Update the contact"
    group: ClassVar[Group] = "data"
    icon: ClassVar[str] = "user-edit"
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "name": template("Name", "The contact's name."),
            "phone": template("Telephone number", "A number at which the contact can be reached too."),
            "country": text(
                "Country", "Reads a number without +: two letters such as PL.", pattern="^([A-Z]{2})?$",
                says="two letters such as PL", default="",
            ),
            "email": template("E-mail address", "An address at which the contact can be reached too."),
            "language": template("Language", "A language code such as en or pl, in which texts are chosen."),
            "zone": template("Time zone", "Such as Europe/Warsaw; says when it is night for the contact."),
            "account_manager": template("Account manager", "The agent who looks after the contact."),
            "fields": rows(
                "Fields",
                "What else is kept about the contact, read as contact.attributes.",
                record(
                    {
                        "name": variable("Name", "The field's name."),
                        "type": TYPE,
                        "value": value("Value", "A text, or an expression; a missing value removes the field."),
                    },
                    required=["name", "value"],
                ),
                maximum=50,
            ),
            "join": unique(
                rows(
                    "Add to segments",
                    "The segments the contact is in from now on.",
                    named("segment", "Segment", "One of the installation's segments."),
                    maximum=20,
                )
            ),
            "leave": unique(
                rows(
                    "Take out of segments",
                    "The segments the contact is not in any more.",
                    named("segment", "Segment", "One of the installation's segments."),
                    maximum=20,
                )
            ),
            "consent": choice(
                "Messages they did not ask for", "Whether schedules may write to the contact.", _CONSENT,
                default="unchanged",
            ),
        }
    )  # fmt: skip
    errors: ClassVar[Mapping[str, str]] = {
        "field_invalid": "A value is not what its field holds, such as a telephone number with letters.",
        "address_taken": "The telephone number or e-mail address is another contact's.",
        "expression_error": "An expression cannot be worked out, or a value it needs is missing.",
        "too_large": "A value would be larger than a field may be.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "What a question has told",
            {"name": "{{ message.text }}", "join": ["newsletter"], "consent": "given"},
            leaves_by="success",
            effects=[UpdateContact(name="hello", consent="given", joins=("newsletter",))],
        ),
        Example(
            "A telephone number nobody has yet",
            _ANNA,
            leaves_by="success",
            turns=[AddressStateAnswer("nobody")],
            effects=[UpdateContact(name="Anna Nowak", addresses={"phone": "+48500100100"})],
        ),
        Example(
            "Somebody else's number",
            _ANNA,
            leaves_by="failure",
            turns=[AddressStateAnswer("another")],
            effects=[],
            error="address_taken",
        ),
        Example("Not an e-mail address", {"email": "at home"}, leaves_by="failure", error="field_invalid"),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """One: it is written down."""
        return (Exit("success"),)

    def summary(self, config: Config) -> str:
        """What is written."""
        plain = [name for name in config if name not in {"fields", "join", "leave", "country"}]
        own = [row["name"] for row in config.get("fields", ())]
        segments = [f"+{one}" for one in config.get("join", ())] + [f"-{one}" for one in config.get("leave", ())]
        return ", ".join([*plain, *own, *segments]) or "nothing yet"

    def problems(self, config: Config) -> Sequence[Problem]:
        """Nothing to write, a field twice, and a segment that is joined and left at once."""
        found: list[Problem] = []
        if not any(value_ not in ("", [], "unchanged") for name, value_ in config.items() if name != "country"):
            found.append(
                Problem("nothing_to_write", "", "Nothing is filled in, so the contact stays as it is.", "Fill in one.")
            )
        names = [row["name"] for row in config.get("fields", ())]
        for index, name in enumerate(names):
            if name in names[:index]:
                sentence = f"{name} is written twice; only the last row would count."
                found.append(Problem("field_twice", f"fields.{index}.name", sentence, "Remove one of the rows."))
        for both in sorted({*config.get("join", ())} & {*config.get("leave", ())}):
            sentence = f"The contact would be put into “{both}” and taken out of it at once."
            found.append(Problem("segment_twice", "leave", sentence, "Remove it from one of the lists."))
        return found

    def run(self, context: Context) -> Outcome:
        """Work everything out; a new address is asked for first."""
        return _next(context, [])

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Go on unless the address is another contact's."""
        if not isinstance(answer, AddressStateAnswer):
            raise TypeError(f"update_contact was answered with a {type(answer).__name__}.")
        asked = list(context.kept["asked"])
        if answer.owner == "another":
            word = _WORDS[asked[-1]]
            return fail("address_taken", f"The {word} is another contact's: merge the two contacts, or ask again.")
        return _next(context, asked)


_WORDS: Final = {"phone": "telephone number", "email": "e-mail address"}


class _Invalid(Exception):
    """A value does not fit its field; the message is a sentence."""


def _next(context: Context, asked: list[str]) -> Outcome:
    """Asks for the next address nobody was asked for, or writes all of it."""
    config = filled(UpdateContactStep.schema, context.config)
    try:
        change = _change(context, config)
    except _Invalid as reason:
        return fail("field_invalid", str(reason))
    reference = str(context.facts.conversation.get("reference", ""))
    for kind, address in sorted(change.addresses.items()):
        if kind not in asked:
            return Ask(AddressState(reference, kind, address), keep={"asked": [*asked, kind]})
    return Take("success", effects=[change])


def _change(context: Context, config: Config) -> UpdateContact:
    """Raises: _Invalid."""
    addresses = {kind: _address(context, config, kind) for kind in ("phone", "email") if config.get(kind)}
    language = context.strict_text(config["language"]).strip() if config.get("language") else None
    if language is not None and not regex.search(LANGUAGE_PATTERN[:-1] + r"\Z", language):
        raise _Invalid(f"“{language[:40]}” is no language code: write one such as en or pl.")
    zone = context.strict_text(config["zone"]).strip() if config.get("zone") else None
    if zone is not None and not _is_zone(zone):
        raise _Invalid(f"“{zone[:40]}” is no time zone: write one such as Europe/Warsaw.")
    return UpdateContact(
        attributes=_fields(context, config),
        name=_short(context, config, "name"),
        language=language,
        zone=zone,
        account_manager=_short(context, config, "account_manager"),
        addresses=addresses,
        consent="" if config["consent"] == "unchanged" else config["consent"],
        joins=tuple(config.get("join", ())),
        leaves=tuple(config.get("leave", ())),
    )


def _short(context: Context, config: Config, name: str) -> str | None:
    if not config.get(name):
        return None
    found = in_one_line(context.strict_text(config[name])).strip()
    if len(found) > _LONGEST_NAME:
        raise _Invalid(f"The {name.replace('_', ' ')} has {len(found)} characters; at most {_LONGEST_NAME} are kept.")
    return found


def _fields(context: Context, config: Config) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for row in config.get("fields", ()):
        found = context.value(row["value"])
        try:
            values[row["name"]] = as_typed(row, found)
        except TypeMismatch as reason:
            raise _Invalid(f"The field {row['name']} cannot be written: {reason}") from reason
        if len(canonical_json(encode(values[row["name"]])).encode()) > context.limits.variable_bytes:
            raise TooLarge(f"The field {row['name']} would hold more than {context.limits.variable_bytes:,} bytes.")
    return values


def _address(context: Context, config: Config, kind: str) -> str:
    written = context.strict_text(config[kind]).strip()
    found = read_contact_email(written) if kind == "email" else _phone(written, config["country"])
    if not found:
        raise _Invalid(f"“{written[:80]}” is no {_WORDS[kind]}.")
    return found


def _is_zone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name).key)
    except (KeyError, ValueError, OSError):  # what a folder of zones, or none at all, makes of it
        return False


def _phone(written: str, country: str) -> str:
    try:
        number = phonenumbers.parse(written, country or None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
