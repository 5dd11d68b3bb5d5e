"""A file in which flows travel between installations: the flows with their tests, and the names of what they need."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from flows import document, plain_json
from flows.document import Flow
from flows.document_keys import Keys, typed
from flows.errors import DocumentError
from flows.limits import Limits
from flows.named import NAMED, names_in_all
from flows.values import is_one_line
from flows.walk import Steps

FORMAT: Final = 1
MOST_FLOWS: Final = 200
MOST_BYTES: Final = 16_777_216  # 16 MiB, as for every file
MOST_NAMES: Final = 10_000  # of one kind, which are looked up one by one; 200 flows of fifty things each
_LONGEST_NAME: Final = 200
_ENVELOPE_DEPTH: Final = 4
NEEDS: Final = tuple(f"{kind}s" for kind in NAMED)  # credentials, queues, …
_DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True)
class FlowFile:
    """What a file holds. `needs` are the names its writer knew, by their kinds in the plural."""

    flows: Sequence[Flow]
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict)


def write(flows: Sequence[Flow], steps: Steps) -> str:
    """The flows as the canonical text of a file: in the order of their names, the same flows the same bytes."""
    named = names_in_all(flows, steps)
    # What can be no name is nothing that anybody could have; whoever reads the file finds it in its flow.
    needs = {f"{kind}s": sorted(filter(_is_name, names))[:MOST_NAMES] for kind, names in named.items()}
    data = {
        "format": FORMAT,
        "flows": [document.to_data(flow) for flow in sorted(flows, key=lambda flow: flow.name)],
        "needs": needs,
    }
    return json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read(source: bytes | str, limits: Limits = _DEFAULT_LIMITS) -> FlowFile:
    """What stands in a file, or in a bare flow document.

    Raises: DocumentError, with the place and a sentence.
    """
    envelope = replace(limits, document_bytes=MOST_BYTES, document_depth=limits.document_depth + _ENVELOPE_DEPTH)
    return from_data(plain_json.parse(source, envelope), limits)


def from_data(data: Any, limits: Limits = _DEFAULT_LIMITS) -> FlowFile:
    """What stands in the parsed JSON of a file, or of a bare flow document. Raises: DocumentError, as `read`."""
    whole = typed(data, dict, "")
    if "flows" not in whole:
        return FlowFile((document.from_data(whole, limits),))
    number = whole.get("format")
    if number != FORMAT or isinstance(number, bool):
        newer = isinstance(number, int) and not isinstance(number, bool) and number > FORMAT
        why = "It was written by a newer Patchbay: update this one." if newer else "Export it again."
        raise DocumentError("format", f"This installation reads files of the format {FORMAT}. {why}", "unknown_format")
    keys = Keys(whole, "", ("format", "flows", "needs"))
    flows = _flows(keys.take("flows", list), limits)
    needs = Keys(keys.take("needs", dict, {}), "needs", NEEDS)
    return FlowFile(flows, {kind: _names(needs.take(kind, list), f"needs.{kind}") for kind in NEEDS if needs.has(kind)})


def _flows(found: Sequence[Any], limits: Limits) -> list[Flow]:
    if not 0 < len(found) <= MOST_FLOWS:
        raise DocumentError("flows", f"A file holds 1 to {MOST_FLOWS} flows; this one holds {len(found)}.")
    flows: list[Flow] = []
    for index, one in enumerate(found):
        try:
            flow = document.from_data(one, limits)
        except DocumentError as problem:
            place = f"flows.{index}.{problem.path}".rstrip(".")
            raise DocumentError(place, problem.sentence, problem.code) from None
        if any(flow.name == other.name for other in flows):
            shown = plain_json.shortened(flow.name)
            raise DocumentError(f"flows.{index}.name", f"Two flows of this file are called “{shown}”: rename one.")
        flows.append(flow)
    return flows


def _names(found: Sequence[Any], path: str) -> list[str]:
    if len(found) > MOST_NAMES:
        raise DocumentError(path, f"These are {len(found):,} names; a file tells at most {MOST_NAMES:,} of a kind.")
    names = [typed(name, str, f"{path}.{index}") for index, name in enumerate(found)]
    for index, name in enumerate(names):
        if not _is_name(name):
            sentence = f"A name is one line of 1 to {_LONGEST_NAME} characters, without tabs and the like."
            raise DocumentError(f"{path}.{index}", sentence)
    return names


def _is_name(name: str) -> bool:
    return 0 < len(name) <= _LONGEST_NAME and is_one_line(name)
