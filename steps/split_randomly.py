"""The step `split_randomly`: sends shares of the runs along different ways."""

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from flows.context import Context
from flows.form import exit_id, filled, number, record, rows, text, yes_no
from flows.step import Config, Example, Exit, Group, Json, Outcome, Problem, Step, Take, fail
from flows.values import canonical_json, to_text

_WHOLE = Decimal(100)
_BYTES = 8  # of the hash: 64 bits split evenly enough for any number of contacts
_GREETINGS: Mapping[str, Json] = {"arms": [{"id": "short", "weight": 50}, {"id": "long", "weight": 50}]}


class SplitRandomlyStep(Step):
    """Sends each run along one of several ways, by chance and in the shares you set, which are 100 together. With
    “always the same way” a contact who comes again goes the same way again."""

    type: ClassVar[str] = "split_randomly"
    title: ClassVar[str] = "Split randomly"
    group: ClassVar[Group] = "decide"
    icon: ClassVar[str] = "arrows-split-2"
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "arms": rows(
                "Ways",
                "The ways to go and the share of each.",
                record(
                    {
                        "id": exit_id("Name of the exit", "The exit of this way, such as short."),
                        "title": text("Title", "What the canvas shows; empty shows the name.", default=""),
                        "weight": number("Percent", "How many of a hundred go this way.", minimum=0, maximum=100),
                    },
                    required=["id", "weight"],
                ),
                minimum=2,
                maximum=20,
            ),
            "sticky": yes_no("Always the same way", "Whether a contact goes the same way each time.", default=True),
        },
        required=["arms"],
    )
    errors: ClassVar[Mapping[str, str]] = {"weights_not_100": "The shares are not 100 percent together."}
    examples: ClassVar[Sequence[Example]] = (
        Example("Half and half", _GREETINGS, leaves_by="short", contact={"phone": "+48600100200"}),
        Example("Another contact", _GREETINGS, leaves_by="long", contact={"phone": "+48600100201"}),
        Example("Each time anew", {**_GREETINGS, "sticky": False}, leaves_by="short"),
        Example(
            "Shares that do not fill a hundred",
            {"arms": [{"id": "short", "weight": 50}, {"id": "long", "weight": 40}]},
            leaves_by="failure",
            error="weights_not_100",
        ),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """One per way."""
        return [Exit(arm["id"], arm.get("title") or arm["id"]) for arm in config.get("arms", ())]

    def summary(self, config: Config) -> str:
        """The ways and their shares."""
        return ", ".join(f"{arm['id']} {arm['weight']:g} %" for arm in config.get("arms", ())) or "No ways yet"

    def problems(self, config: Config) -> Sequence[Problem]:
        """Shares that are not 100 together, and two ways of one name."""
        found: list[Problem] = []
        arms = config.get("arms", ())
        if arms and (total := _total(arms)) != _WHOLE:
            sentence = f"The shares are {to_text(total)} percent together."
            found.append(Problem("weights_not_100", "arms", sentence, "Make them 100."))
        taken = {"failure"}
        for index, arm in enumerate(arms):
            if arm["id"] in taken:
                sentence = f"The exit {arm['id']} exists already."
                found.append(Problem("exit_twice", f"arms.{index}.id", sentence, "Choose another name."))
            taken.add(arm["id"])
        return found

    def run(self, context: Context) -> Outcome:
        """The way that the hash of who it is for falls upon."""
        config = filled(self.schema, context.config)
        total = _total(config["arms"])
        if total != _WHOLE:
            return fail("weights_not_100", f"The shares are {to_text(total)} percent together; make them 100.")
        drawn = _drawn(context, sticky=config["sticky"])
        passed = Decimal(0)
        for arm in config["arms"]:
            passed += _weight(arm)
            if drawn < passed:
                break
        return Take(arm["id"], why={"drawn": f"{drawn:.4f}", "sticky": config["sticky"]})


def _drawn(context: Context, *, sticky: bool) -> Decimal:
    """0 to 100, evenly spread, and the same whenever the same turn is made again: SHA-256 of (flow, step, contact), or
    of (run, turn, visit)."""
    contact = context.facts.contact
    who = context.facts.contact_id or to_text(contact.get("phone") or contact.get("email") or "")
    if sticky and who:
        parts = [context.flow.name, context.step, who]
    else:  # nobody to recognise: by chance each time
        parts = [context.run.id, str(context.run.turn), str(context.run.visits)]
    digest = hashlib.sha256(canonical_json(parts).encode()).digest()[:_BYTES]
    return Decimal(int.from_bytes(digest)) * _WHOLE / (1 << (8 * _BYTES))


def _total(arms: Sequence[Mapping[str, Json]]) -> Decimal:
    return sum((_weight(arm) for arm in arms), Decimal(0))


def _weight(arm: Mapping[str, Json]) -> Decimal:
    """As it is written: three times 33.3 and 0.1 are 100."""
    return Decimal(str(arm["weight"]))
