"""What a kind of step says about a config without anything happening: its exits, summary, findings and the like."""

from collections.abc import Mapping
from typing import Any, Final

from flows import wire
from flows.ask import FlowVersion
from flows.step import Claim, Exit, Problem, Step, Trigger

QUESTIONS: Final = ("exits", "media_of", "summary", "problems", "variables", "effective_limit", "calls", "claims")
_EVER: Final = "ever"


def answers_about(step: Step, config: Mapping[str, Any], question: str) -> Any:
    """What a kind says about a config, as JSON data; `question` is the method's name. Raises: whatever it raises."""
    match question:
        case "exits":
            return [wire.to_data(way) for way in step.exits(config)]
        case "media_of":
            return sorted(step.media_of(config))
        case "summary":
            return wire.plain(step.summary(config))
        case "problems":
            return [wire.to_data(problem) for problem in step.problems(config)]
        case "variables":
            return [[str(name), kind, [str(way) for way in ways]] for name, kind, ways in step.variables(config)]
        case "effective_limit":
            limit = step.effective_limit(config)
            return _EVER if limit == float("inf") else wire.plain(limit)
        case "calls":
            return [wire.to_data(flow) for flow in step.calls(config)]
        case "claims" if isinstance(step, Trigger):
            return [wire.to_data(claim) for claim in step.claims(config)]
    raise KeyError(question)


def read_answer(question: str, data: Any) -> Any:
    """What the method would have returned. Raises: FlowError, TypeError, ValueError, KeyError for nonsense."""
    match question:
        case "exits":
            return tuple(wire.from_data(Exit, way) for way in data)
        case "media_of":
            return frozenset(str(word) for word in data)
        case "summary":
            return str(data)
        case "problems":
            return tuple(wire.from_data(Problem, problem) for problem in data)
        case "variables":
            return tuple((name, kind, tuple(ways)) for name, kind, ways in data)
        case "effective_limit":
            return float("inf") if data == _EVER else None if data is None else float(data)
        case "calls":
            return tuple(wire.from_data(FlowVersion, flow) for flow in data)
        case "claims":
            return tuple(wire.from_data(Claim, claim) for claim in data)
    raise KeyError(question)
