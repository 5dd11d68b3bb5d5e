"""The data flow of the checks against an oracle that walks every way through small flows."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.check import InstallationNames, check
from tests.flows.kinds import KINDS, flow

NAMES = InstallationNames(numbers={"line": frozenset({"calls"})})
IDS = ["a", "b", "c", "d", "e"]
TARGETS = st.sampled_from([*IDS, "end"])
EXITS = {
    "fetch": ("success", "not_found"),
    "put": ("next",),
    "pause": ("next",),
    "send": ("success",),
}
# How a step is drawn: its kind, the variable it sets or reads, where its exits lead, and whether its failure is wired.
STEPS = st.tuples(
    st.sampled_from(sorted(EXITS)), st.sampled_from(["x", "y"]), TARGETS, TARGETS, st.none() | TARGETS
)  # fmt: skip
Drawn = tuple[str, str, str, str, str | None]


def placed(drawn: Drawn) -> tuple[str, dict[str, Any], dict[str, str]]:
    kind, name, first, second, failure = drawn
    configs: dict[str, dict[str, Any]] = {
        "fetch": {"url": "https://e.com", "variable": name},
        "put": {"name": name, "value": "1"},
        "pause": {},
        "send": {"text": {"en": f"{{{{ {name} }}}}"}},
    }
    exits = dict(zip(EXITS[kind], (first, second), strict=False))
    return kind, configs[kind], exits | ({"failure": failure} if failure else {})


def surely_set_by(kind: str) -> str:
    return {"fetch": "success", "put": "next"}.get(kind, "")


def walked(steps: dict[str, Drawn], on_failure: str, on_hang_up: str) -> dict[str, set[frozenset[str]]]:
    """Every set of variables that may have a value when a run enters each step."""
    on_the_line, waiting = {"a", on_failure} - {""}, ["a", on_failure]
    for id in waiting:
        for target in placed(steps[id])[2].values() if id else ():
            if target != "end" and target not in on_the_line:
                on_the_line.add(target)
                waiting.append(target)
    seen: dict[str, set[frozenset[str]]] = {id: set() for id in steps}
    found: list[tuple[str, frozenset[str]]] = [("a", frozenset())]
    while found:
        id, held = found.pop()
        if id == "end" or held in seen[id]:
            continue
        seen[id].add(held)
        kind, name, *_ = steps[id]
        with_own = held | ({name} if kind in {"fetch", "put"} else set())
        exits = placed(steps[id])[2]
        ways = list(exits.items())
        if "failure" not in exits and on_failure and id != on_failure:
            ways.append(("failure", on_failure))
        if kind == "pause" and on_hang_up and id in on_the_line:
            ways.append(("hang-up", on_hang_up))
        for way, target in ways:
            found.append((target, with_own))
            if way != surely_set_by(kind):
                found.append((target, held))
    return seen


@settings(max_examples=400, deadline=None)
@given(
    drawn=st.lists(STEPS, min_size=len(IDS), max_size=len(IDS)),
    on_failure=st.sampled_from(["", *IDS]),
    on_hang_up=st.sampled_from(["", *IDS]),
)
def test_a_variable_is_sure_possible_or_never_as_all_ways_say(
    drawn: list[Drawn], on_failure: str, on_hang_up: str
) -> None:
    steps = dict(zip(IDS, drawn, strict=True))
    roots = {"on_failure": on_failure, "on_hang_up": on_hang_up}
    trigger = {"t": ("call_in", {"numbers": ["line"]}, {"next": "a"})}
    document = flow(
        {**trigger, **{id: placed(step) for id, step in steps.items()}}, **{k: v for k, v in roots.items() if v}
    )
    found = {
        one.step: one.code for one in check(document, KINDS, NAMES) if one.code.startswith("variable_") and one.field
    }
    set_somewhere = {name for kind, name, *_ in drawn if kind in {"fetch", "put"}}
    for id, held in walked(steps, on_failure, on_hang_up).items():
        kind, name, *_ = steps[id]
        if kind != "send":
            continue
        if name not in set_somewhere or (held and not any(name in one for one in held)):
            expected = "variable_never_set"
        else:
            expected = "" if all(name in one for one in held) else "variable_sometimes_set"
        assert found.get(id, "") == expected, (id, held)
