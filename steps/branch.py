"""The step `branch`: sends the run along the first case that holds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from flows.conditions import CONDITION, lacking, tried, wrong_pattern
from flows.context import Context
from flows.expression import ExpressionError
from flows.form import advanced, choice, exit_id, filled, length, record, rows, text, value
from flows.patterns import PatternError, PatternTimeout
from flows.step import Config, Example, Exit, Group, Json, Outcome, Problem, Step, Take, fail
from flows.values import convert

_MATCH = {"all": "All conditions hold", "any": "At least one holds", "none": "None holds"}
_HOLDS: Mapping[str, Callable[[Sequence[bool]], bool]] = {"all": all, "any": any, "none": lambda held: not any(held)}


def _case(kind: str, operator: str, **operands: Json) -> Mapping[str, Json]:
    condition = {"value": "{{ x }}", "as": kind, "operator": operator, **operands}
    return {"cases": [{"id": "yes", "conditions": [condition]}]}


class BranchStep(Step):
    """Looks at its cases from the first to the last and takes the exit of the first that holds; if none does, it
    leaves by “otherwise”. A value that is missing makes every comparison false except “is missing”."""

    type: ClassVar[str] = "branch"
    title: ClassVar[str] = "Branch"
    group: ClassVar[Group] = "decide"
    icon: ClassVar[str] = "git-branch"
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "cases": rows(
                "Cases",
                "The ways to go, in the order in which they are tried.",
                record(
                    {
                        "id": exit_id("Name of the exit", "The exit this case takes, such as gold."),
                        "title": text("Title", "What the canvas shows; empty shows the name.", default=""),
                        "match": choice("Holds when", "How many of the conditions must hold.", _MATCH, default="all"),
                        "conditions": rows(
                            "Conditions",
                            "What must be so.",
                            CONDITION,
                            minimum=1,
                            maximum=50,
                        ),
                        "expression": advanced(
                            length(
                                value("Expression", "Instead of conditions: {{ … }} that gives yes or no."), minimum=1
                            )
                        ),
                    },
                    required=["id"],
                    exactly_one_of=["conditions", "expression"],
                ),
                minimum=1,
                maximum=48,
            )
        },
        required=["cases"],
    )
    errors: ClassVar[Mapping[str, str]] = {
        "expression_error": "An expression or regular expression of a case cannot be worked out.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example("A text", _case("text", "is", operand="gold"), "yes", variables={"x": " GOLD "}),
        Example(
            "A phrase",
            _case("text", "contains_phrase", operand="nie działa"),
            "yes",
            variables={"x": "Drukarka nie działa!"},
        ),
        Example(
            "A list to choose from",
            _case("text", "is_one_of", operands=["gold", "platinum"]),
            "otherwise",
            variables={"x": "red"},
        ),
        Example("Nothing there", _case("text", "is_not", operand="gold"), "otherwise"),
        Example("Asking for nothing", _case("any", "is_missing"), "yes"),
        Example(
            "An expression",
            {"cases": [{"id": "many", "expression": "{{ orders > 3 }}"}]},
            "many",
            variables={"orders": convert("5", "number")},
        ),
        Example(
            "A pattern that is none",
            _case("text", "matches", operand="["),
            "failure",
            variables={"x": "a"},
            error="expression_error",
        ),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """One exit per case, in their order, then `otherwise`."""
        cases = [Exit(case["id"], case.get("title") or case["id"]) for case in config.get("cases", ())]
        return (*cases, Exit("otherwise"))

    def summary(self, config: Config) -> str:
        """The values that are looked at, and how many ways there are."""
        seen = dict.fromkeys(source.strip("{} ") for source in _sources(config))
        return f"By {', '.join(seen)}" if seen else f"{len(config.get('cases', ()))} cases"

    def problems(self, config: Config) -> Sequence[Problem]:
        """Two cases of one name, operators without what they compare with, and regular expressions that are none."""
        found: list[Problem] = []
        taken = {"otherwise", "failure"}
        for index, case in enumerate(config.get("cases", ())):
            where = f"cases.{index}"
            if case["id"] in taken:
                found.append(
                    Problem(
                        "exit_twice", f"{where}.id", f"The exit {case['id']} exists already.", "Choose another name."
                    )
                )
            taken.add(case["id"])
            for number, row in enumerate(case.get("conditions", ())):
                place = f"{where}.conditions.{number}"
                if sentence := lacking(row):
                    found.append(Problem("operand_missing", place, sentence, "Fill it in."))
                elif sentence := wrong_pattern(row):
                    found.append(Problem("bad_pattern", f"{place}.operand", sentence, "Correct it."))
        return found

    def run(self, context: Context) -> Outcome:
        """Take the first case that holds."""
        trace: list[Mapping[str, Any]] = []
        cases = iter(filled(self.schema, context.config)["cases"])
        for case in cases:
            held: list[bool] = []
            told: dict[str, Any] = {"id": case["id"], "match": case["match"], "conditions": []}
            trace.append(told)
            try:
                for comparison, words in tried(context, case):
                    held.append(comparison.holds)
                    told["conditions"].append(words)
            except (ExpressionError, PatternError, PatternTimeout) as problem:
                told["outcome"] = "failed"
                sentence = f"The case {case['id']} cannot be worked out: {problem}"
                return fail("expression_error", sentence, why={"cases": [*trace, *_untried(cases)]})
            told["outcome"] = _HOLDS[case["match"]](held)
            if told["outcome"]:
                return Take(case["id"], why={"cases": [*trace, *_untried(cases)]})
        return Take("otherwise", why={"cases": trace})


def _untried(cases: Iterator[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return [{"id": case["id"], "outcome": "not tried"} for case in cases]


def _sources(config: Config) -> Iterator[str]:
    for case in config.get("cases", ()):
        if "expression" in case:
            yield case["expression"]
        yield from (row["value"] for row in case.get("conditions", ()))
