"""Where exits lead: none may be open, lead to nothing or to a trigger, and every step should be reached."""

from collections.abc import Iterator

from flows.check.finding import Finding
from flows.check.survey import Placed, Survey
from flows.document import END
from flows.step import FAILURE


def exits(survey: Survey) -> Iterator[Finding]:
    """Findings about each step's exits, the flow's own roots and steps that nothing leads to."""
    if not survey.triggers:
        yield Finding(
            "no_trigger",
            "blocking",
            "",
            "steps",
            "Nothing begins this flow: it has no trigger.",
            "Add a trigger, such as an incoming call or an incoming message.",
        )
    for placed in survey.placed.values():
        if placed.is_sound:
            yield from _open(survey, placed)
        yield from _targets(survey, placed)
    yield from _roots(survey)
    yield from _unreachable(survey)


def _open(survey: Survey, placed: Placed) -> Iterator[Finding]:
    ids = [way.id for way in placed.exits]
    for way in placed.exits:
        if way.id not in placed.step.exits:
            yield placed.blocking(
                "open_exit",
                f"exits.{way.id}",
                f"The exit “{way.title or way.id}” of {placed.title} leads nowhere.",
                "Lead it to a step, or end the run there on purpose.",
            )
    twice = sorted({id for id in ids if ids.count(id) > 1 or id == FAILURE.id})
    if twice and not any(finding.code == "exit_twice" for finding in placed.findings):
        sentence = f"{placed.title} has the exit “{twice[0]}” twice."
        yield placed.blocking("exit_twice", "config", sentence, "Give each exit a name of its own.")
    if len(ids) > survey.limits.exits_per_step:
        sentence = f"{placed.title} has {len(ids)} exits; {survey.limits.exits_per_step} are allowed."
        yield placed.blocking("too_many_exits", "config", sentence, "Split the step into two.")
    known = {*ids, FAILURE.id} if placed.fails else set(ids)
    for way_id in placed.step.exits:
        if way_id not in known:
            yield placed.warning(
                "exit_gone",
                f"exits.{way_id}",
                f"{placed.title} leads somewhere by “{way_id}”, but it has no such exit (any more).",
                "Remove the connection.",
            )


def _targets(survey: Survey, placed: Placed) -> Iterator[Finding]:
    for way, target in placed.step.exits.items():
        if target != END and target not in survey.placed:
            yield placed.blocking(
                "missing_target",
                f"exits.{way}",
                f"The exit “{way}” of {placed.title} leads to “{target}”, and there is no such step.",
                "Lead it to a step there is, or end the run there on purpose.",
            )
        elif target in survey.placed and survey.placed[target].is_trigger:
            yield placed.blocking(
                "leads_to_trigger",
                f"exits.{way}",
                f"The exit “{way}” of {placed.title} leads to {survey.placed[target].title}; "
                "a run enters a trigger only when it begins.",
                "Lead it to the step after the trigger.",
            )


def _roots(survey: Survey) -> Iterator[Finding]:
    for key, root, when in (
        ("on_failure", survey.flow.on_failure, "when a step fails"),
        ("on_hang_up", survey.flow.on_hang_up, "when the caller hangs up"),
    ):
        if root and root not in survey.placed:
            sentence = f"The flow goes to “{root}” {when}, and there is no such step."
            yield Finding("missing_target", "blocking", "", key, sentence, "Choose a step there is, or none.")
        elif root and survey.placed[root].is_trigger:
            sentence = f"The flow goes to {survey.placed[root].title} {when}, but a run only begins at a trigger."
            yield Finding("leads_to_trigger", "blocking", "", key, sentence, "Choose another step.")


def _unreachable(survey: Survey) -> Iterator[Finding]:
    roots = [trigger.id for trigger in survey.triggers]
    reached = survey.reached([*roots, survey.flow.on_failure, survey.flow.on_hang_up])
    for id in survey.placed:
        if id not in reached and survey.triggers:
            placed = survey.placed[id]
            yield placed.warning(
                "unreachable", "", f"No way leads to {placed.title}.", "Lead an exit to it, or remove it."
            )
