"""What templates read: names that nothing sets, values that are there on some ways only; and what nobody reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from flows.check.data_flow import DataFlow, Edge
from flows.check.finding import Finding
from flows.check.guards import guarded_names, presence_fields
from flows.check.survey import Placed, Survey
from flows.context import LANGUAGE
from flows.expression import Template
from flows.form import TemplateUse

# Names every template may read, with the keys each has (STEPS "Values a step can read"); None: keys of any name.
SCOPE: Mapping[str, frozenset[str] | None] = {
    "contact": frozenset(
        {
            "name",
            "phone",
            "email",
            "language",
            "attributes",
            "segments",
            "account_manager",
            "zone",
            "consent",
            "consent_at",
        }
        | {"first_seen_at", "is_new"}
    ),
    "conversation": frozenset({"reference", "channel", "number", "kind", "started_at", "count"}),
    "constants": None,
    "message": frozenset({"text", "media", "choice", "received_at"}),
    "call": frozenset({"from", "to", "digits", "speech", "ended"}),
    "error": frozenset({"kind", "message", "retryable", "step"}),
    "now": None,
}
# What Jinja reads as words of its own, so that no expression could ever read such a variable.
RESERVED = frozenset(
    {"and", "or", "not", "is", "in", "if", "else", "true", "false", "none", "import", "include", "loop"}
)


@dataclass(frozen=True)
class Read:
    """One name that a template of a step reads; `is_guarded` when it reckons with a missing value."""

    placed: Placed
    field: str
    name: str
    is_guarded: bool


def variables(survey: Survey) -> Iterator[Finding]:
    """Findings about every name in every template, and about every variable that is set."""
    flow = DataFlow(survey)
    read: set[str] = set()
    for placed in survey.placed.values():
        present = presence_fields(placed)
        for use, template in placed.templates:
            read |= template.names
            yield from _unknown_keys(placed, use, template)
            guarded = template.names if use.field in present else guarded_names(use.source)
            for name in sorted(template.names - set(SCOPE) - set(use.extra)):
                yield from _value(survey, flow, Read(placed, use.field, name, name in guarded))
    yield from _set(survey, read)


def _unknown_keys(placed: Placed, use: TemplateUse, template: Template) -> Iterator[Finding]:
    for path in sorted(template.paths):
        name, _, rest = path.partition(".")
        known, key = SCOPE.get(name), rest.partition(".")[0]
        if known is not None and key and key not in known:
            near = get_close_matches(key, known, 1)
            yield placed.warning(
                "unknown_key",
                use.field,
                f"{placed.title} reads “{name}.{key}”, which is always missing.",
                f"Did you mean “{name}.{near[0]}”?" if near else f"There are {', '.join(sorted(known))}.",
            )


def _value(survey: Survey, flow: DataFlow, read: Read) -> Iterator[Finding]:
    placed, field, name = read.placed, read.field, read.name
    if any(other.kind is None for other in survey.placed.values()) and (
        name not in flow.bits or (flow.is_reached(placed.id) and not flow.is_possible(placed.id, name))
    ):
        return  # a step that is not installed may set it, and is a blocking finding itself
    if name not in flow.bits:
        near = get_close_matches(name, [*flow.bits, *SCOPE], 1)
        yield placed.blocking(
            "variable_never_set",
            field,
            f"{placed.title} reads “{name}”, and no step sets it.",
            f"Did you mean “{near[0]}”?" if near else "Set it in an earlier step, or remove it here.",
        )
    elif read.is_guarded or not flow.is_reached(placed.id) or flow.is_sure(placed.id, name):
        return
    elif not flow.is_possible(placed.id, name):
        yield placed.blocking(
            "variable_never_set",
            field,
            f"{placed.title} reads “{name}”, and no step on the way to it sets it.",
            "Set it in an earlier step, or remove it here.",
        )
    else:
        yield placed.warning(
            "variable_sometimes_set",
            field,
            f"“{name}” may have no value at {placed.title}{_way(survey, flow.gap(placed.id, name))}.",
            f"Set it on every way that leads here, or write {{{{ {name} | default(…) }}}}.",
        )


def _way(survey: Survey, gap: Edge | None) -> str:
    if gap is None:
        return ""
    source = survey.placed[gap.source].title
    return f", for instance after {source} by “{gap.exit}”" if gap.exit else f", when the caller hangs up at {source}"


def _set(survey: Survey, read: set[str]) -> Iterator[Finding]:
    unused: set[str] = set()
    for placed in survey.placed.values():
        for name, kind, _ in placed.sets:
            if name in SCOPE or name in RESERVED:
                sentence = f"{placed.title} sets “{name}”, a word that has a meaning of its own."
                yield placed.blocking("variable_reserved", "", sentence, "Choose another name.")
            declared = survey.flow.variables.get(name, {}).get("type")
            if kind and declared and kind != declared:
                yield placed.warning(
                    "type_contradicted",
                    "",
                    f"{placed.title} sets “{name}” to a {kind}, and the flow declares it as a {declared}.",
                    "Change one of the two.",
                )
            # What a run begins with is for those to say who begin it: only a step of the flow could be left out.
            if not placed.is_trigger and name not in {*read, *unused, *SCOPE, LANGUAGE}:
                unused.add(name)
                sentence = f"Nothing in this flow reads “{name}”, which {placed.title} sets."
                yield Finding("variable_unused", "hint", placed.id, "", sentence, "Remove it, or use it.")
    known = {name for placed in survey.placed.values() for name, _, _ in placed.sets}
    for name in sorted(set(survey.flow.variables) - known - read):
        sentence = f"The flow declares “{name}”, and nothing sets or reads it."
        yield Finding("variable_unused", "hint", "", f"variables.{name}", sentence, "Remove the declaration.")
