"""What a kind of step says about a config without anything happening: its exits, summary, findings and the like."""

from collections.abc import Mapping
from typing import Any, Final

from flows import wire
from flows.ask import FlowVersion
from flows.step import Claim, Exit, Medium, Problem, Step, Trigger
from flows.values import VALUE_TYPES, ValueType

QUESTIONS: Final = ("exits", "media_of", "summary", "problems", "variables", "effective_limit", "calls", "claims")
_EVER: Final = "ever"
_MEDIA: Final = frozenset[Medium](("call", "messages"))
_HIGHEST: Final = 1_000_000  # of a priority: it is stored, and compared with others


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
            return _media(frozenset(data))
        case "summary" if isinstance(data, str):
            return data
        case "problems":
            return tuple(wire.from_data(Problem, problem) for problem in data)
        case "variables":
            return tuple(_variable(*row) for row in data)
        case "effective_limit":
            return float("inf") if data == _EVER else None if data is None else float(data)
        case "calls":
            return tuple(wire.from_data(FlowVersion, flow) for flow in data)
        case "claims":
            return tuple(_claim(wire.from_data(Claim, claim)) for claim in data)
    raise KeyError(question)


def _media(words: frozenset[Any]) -> frozenset[Medium]:
    if not words <= _MEDIA:
        raise ValueError(f"It works on {', '.join(map(str, words - _MEDIA))}, which is neither call nor messages.")
    return words


def _variable(name: Any, kind: Any, ways: Any) -> tuple[str, ValueType | None, tuple[str, ...]]:
    if not isinstance(name, str) or not (kind is None or kind in VALUE_TYPES):
        raise ValueError(f"A variable {name!r:.80} of the type {kind!r:.40} cannot be.")
    return name, kind, tuple(str(way) for way in ways)


def _claim(claim: Claim) -> Claim:
    if abs(claim.priority) > _HIGHEST:
        raise ValueError(f"A priority is at most {_HIGHEST:,}.")
    return claim
