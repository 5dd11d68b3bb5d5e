"""All that can be wrong with a flow, as findings its author can act on."""

from itertools import chain

from flows.check.called import called
from flows.check.comparisons import comparisons
from flows.check.cycles import cycles
from flows.check.exits import exits
from flows.check.finding import SEVERITIES, Finding, InstallationNames, Severity, Slot, slots
from flows.check.media import media
from flows.check.named import named
from flows.check.survey import Survey
from flows.check.tested import tested
from flows.check.texts import texts
from flows.check.variables import variables
from flows.document import Flow
from flows.limits import Limits
from flows.walk import Steps

__all__ = ["Finding", "InstallationNames", "Severity", "Slot", "Steps", "blocks", "check", "slots"]

_CHECKS = (exits, cycles, media, named, called, variables, comparisons, texts, tested)
_DEFAULT_LIMITS = Limits()


def check(flow: Flow, steps: Steps, names: InstallationNames, limits: Limits = _DEFAULT_LIMITS) -> list[Finding]:
    """All findings about a flow for one installation, the gravest first, then by step and place.

    steps: the registry.
    """
    survey = Survey(flow, steps, names, limits)
    own = chain.from_iterable(placed.findings for placed in survey.placed.values())
    found = dict.fromkeys(chain(own, chain.from_iterable(look(survey) for look in _CHECKS)))
    return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.step, one.field, one.code, one.sentence))


def blocks(findings: list[Finding]) -> bool:
    """Whether any finding prevents publishing."""
    return any(finding.severity == "blocking" for finding in findings)
