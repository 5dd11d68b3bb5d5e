"""The step `label_conversation`: says what a conversation is about and how it went."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flows.context import Context
from flows.effect import LabelConversation
from flows.form import length, record, rows, template
from flows.step import Config, Example, Group, Json, Outcome, Problem, Step, Take, fail
from flows.values import in_one_line

LONGEST_LABEL = 200  # characters; more does not fit a list
_PRINTER: Mapping[str, Json] = {
    "category": "Technical support / Hardware / Printers",
    "tags": ["{{ model }}", "urgent"],
}


class LabelConversationStep(Step):
    """Gives the conversation a category, tags and a result, which people see beside it and find it by. A category and
    a result replace the ones before; tags are added."""

    type: ClassVar[str] = "label_conversation"
    title: ClassVar[str] = "Label the conversation"
    group: ClassVar[Group] = "people"
    icon: ClassVar[str] = "tags"
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "category": template("Category", "What it is about, such as Technical support / Hardware."),
            "tags": rows(
                "Tags",
                "Words to find it by.",
                length(template("Tag", "One word or two."), minimum=1),
                maximum=20,
            ),
            "result": template("Result", "How it went, such as solved."),
        }
    )
    errors: ClassVar[Mapping[str, str]] = {
        "too_large": f"A category, tag or result has more than {LONGEST_LABEL} characters."
    }
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "A category and tags",
            _PRINTER,
            leaves_by="next",
            variables={"model": "LP-9"},
            effects=[LabelConversation("Technical support / Hardware / Printers", ("LP-9", "urgent"))],
        ),
        Example(
            "A tag without a value is left out",
            _PRINTER,
            leaves_by="next",
            effects=[LabelConversation("Technical support / Hardware / Printers", ("urgent",))],
        ),
        Example(
            "A value with line breaks and control characters",
            {"tags": ["{{ model }}"]},
            leaves_by="next",
            variables={"model": "LP-9\x1b\r\n old"},
            effects=[LabelConversation(tags=("LP-9 old",))],
        ),
        Example("A result", {"result": "solved"}, leaves_by="next", effects=[LabelConversation(result="solved")]),
        Example("A story is no label", {"result": "long " * 50}, leaves_by="failure", error="too_large"),
    )

    def summary(self, config: Config) -> str:
        """The labels."""
        labels = (config.get("category", ""), *config.get("tags", ()), config.get("result", ""))
        return ", ".join(label for label in labels if label) or "No labels yet"

    def problems(self, config: Config) -> Sequence[Problem]:
        """No label at all."""
        if any(config.get(name) for name in ("category", "tags", "result")):
            return []
        return [Problem("labels_missing", "category", "No label is given, so nothing happens here.", "Add one.")]

    def run(self, context: Context) -> Outcome:
        """Label it."""
        config = context.config
        category, result = (_label(context, config.get(name, "")) for name in ("category", "result"))
        tags = [_label(context, tag) for tag in config.get("tags", ())]
        for label in (category, *tags, result):
            if len(label) > LONGEST_LABEL:
                return fail("too_large", f"A label has at most {LONGEST_LABEL} characters: “{label[:40]}…” has more.")
        return Take("next", effects=[LabelConversation(category, tuple(dict.fromkeys(filter(None, tags))), result)])


def _label(context: Context, source: str) -> str:
    """One line, as lists show it."""
    return " ".join(in_one_line(context.text(source)).split())
