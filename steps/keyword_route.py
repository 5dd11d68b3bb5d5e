"""The step `keyword_route`: sends the run along the first row whose words are in the message."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from flows.conditions import lacking, tried, wrong_pattern
from flows.context import Context
from flows.expression import ExpressionError
from flows.form import advanced, filled, record, rows, value
from flows.patterns import PatternError, PatternTimeout
from flows.phrase_rows import ROW, row_problems, table_of
from flows.phrases import PhraseError, PhraseMatch
from flows.step import Config, Example, Exit, Group, Json, Outcome, Problem, Step, Take, fail
from flows.values import to_text

_OTHERWISE = "otherwise"
_TEXT = "{{ message.text }}"
_BROKEN: Mapping[str, Json] = {
    "text": "{{ said }}",
    "rows": [
        {"id": "support", "title": "Technical support", "any": ["nie działa"]},
        {"id": "sales", "any": ["kupić", "cena"], "mode": "inflected", "language": "pl"},
    ],
}


class KeywordRouteStep(Step):
    """Looks for the words of its rows in the message and takes the exit of the first row that matches; if none does,
    it leaves by “otherwise”. Capitals, punctuation and line breaks do not count, and marks (ą, ł) only on wish."""

    type: ClassVar[str] = "keyword_route"
    title: ClassVar[str] = "Route by words"
    group: ClassVar[Group] = "decide"
    icon: ClassVar[str] = "text-recognition"
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "rows": rows("Rows", "The ways to go, in the order in which they are tried.", ROW, minimum=1, maximum=48),
            "text": advanced(value("Text", "What is looked at.", default=_TEXT)),
        },
        required=["rows"],
    )
    errors: ClassVar[Mapping[str, str]] = {
        "expression_error": "A condition, a regular expression or the text that is looked at cannot be worked out.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example("A phrase", _BROKEN, leaves_by="support", variables={"said": "Drukarka NIE działa!"}),
        Example("A word in another form", _BROKEN, leaves_by="sales", variables={"said": "Chcę kupić"}),
        Example("None of the words", _BROKEN, leaves_by=_OTHERWISE, variables={"said": "Dzień dobry"}),
        Example(
            "Not with this word beside it",
            {"rows": [{"id": "greets", "any": ["hello"], "none": ["goodbye"]}]},
            leaves_by="greets",
        ),
        Example(
            "A pattern that is none",
            {"rows": [{"id": "support", "any": ["["], "mode": "pattern"}]},
            leaves_by="failure",
            error="expression_error",
        ),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """One per row, then `otherwise`."""
        made = [Exit(row["id"], row.get("title") or row["id"]) for row in config.get("rows", ())]
        return (*made, Exit(_OTHERWISE))

    def summary(self, config: Config) -> str:
        """The first words of the rows."""
        first = [next(iter(row.get("any") or row.get("all") or ()), row["id"]) for row in config.get("rows", ())]
        return ", ".join(first) or "No rows yet"

    def problems(self, config: Config) -> Sequence[Problem]:
        """Rows that cannot work, and conditions that lack something."""
        return [*row_problems(config.get("rows", ())), *_condition_problems(config.get("rows", ()))]

    def run(self, context: Context) -> Outcome:
        """Take the first row that matches and whose conditions hold."""
        found = context.value(filled(self.schema, context.config)["text"])
        by_id = {row["id"]: row for row in context.config["rows"]}
        passed: list[str] = []
        try:
            for match in table_of(context.config["rows"]).matches(to_text(found), context.language):
                if all(comparison.holds for comparison in _conditions(context, by_id[match.row])):
                    return Take(match.row, why=_hit(match, passed))
                passed.append(match.row)
        except (ExpressionError, PatternError, PatternTimeout, PhraseError) as problem:
            return fail(
                "expression_error", f"The rows cannot be looked at: {problem}", why={"conditions_failed": passed}
            )
        return Take(_OTHERWISE, why={"conditions_failed": passed} if passed else {})


def _conditions(context: Context, row: Mapping[str, Any]) -> Iterator[Any]:
    full = filled(ROW, row)
    return (comparison for comparison, _ in tried(context, {"conditions": full.get("conditions", ())}))


def _hit(match: PhraseMatch, passed: list[str]) -> Mapping[str, Json]:
    hits = [{"words": hit.phrase.text, "mode": hit.phrase.mode, "from": hit.start, "to": hit.end} for hit in match.hits]
    return {"row": match.row, "hits": hits, **({"conditions_failed": passed} if passed else {})}


def _condition_problems(config_rows: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    for index, row in enumerate(config_rows):
        for number, condition in enumerate(row.get("conditions", ())):
            place = f"rows.{index}.conditions.{number}"
            if sentence := lacking(condition):
                yield Problem("operand_missing", place, sentence, "Fill it in.")
            elif sentence := wrong_pattern(condition):
                yield Problem("bad_pattern", f"{place}.operand", sentence, "Correct it.")
