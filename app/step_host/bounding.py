"""What a stranger's step may return, before the engine, the database and the world see it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from flows.outcomes import Refused
from flows.values import clean_text

_MOST_EFFECTS: Final = 20  # of one visit; a built-in step has three or four, and a customer reads no more
_MOST_BYTES: Final = 1_048_576  # of one effect or request, which is stored and travels on


def bounded_outcome(title: str, outcome: Any) -> Any:
    """The outcome as databases take it, without U+0000 and lone surrogates. Raises: Refused when it is too much."""
    told = cleaned(outcome)
    if not isinstance(told, Mapping):
        return told  # no outcome: whoever reads it says so
    effects = told.get("effects") or []
    if len(effects) > _MOST_EFFECTS:
        sentence = f"asks for {len(effects):,} effects at once; at most {_MOST_EFFECTS} are taken."
        raise Refused("too_large", f"“{title}” {sentence}")
    for one in (*effects, told.get("request")):
        if len(json.dumps(one, ensure_ascii=False).encode()) > _MOST_BYTES:
            raise Refused("too_large", f"“{title}” asks for something of more than {_MOST_BYTES >> 20} MiB.")
    return told


def cleaned(data: Any) -> Any:
    """JSON data without what databases refuse, as `clean_text` makes each text of it.

    Raises: Refused when it is nested deeper than we can follow.
    """
    try:
        return _cleaned(data)
    except RecursionError:
        raise Refused("too_large", "What a plugin's step answered is nested too deeply: make it flatter.") from None


def _cleaned(data: Any) -> Any:
    if isinstance(data, str):
        return clean_text(data)
    if isinstance(data, dict):
        return {clean_text(name): _cleaned(value) for name, value in data.items()}
    return [_cleaned(one) for one in data] if isinstance(data, list) else data
