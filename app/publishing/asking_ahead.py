"""What plugins say of a flow's steps, asked before a transaction is open: each may take five seconds to answer."""

from contextlib import suppress

from flows.document import Flow
from flows.errors import FlowError
from flows.registry import Registry
from flows.todays_config import todays_config


def ask_ahead(steps: Registry, *flows: Flow) -> None:
    """Asks the step host about each config; what it says is remembered there, also that it said nothing.

    Without it one slow step would keep every other writer of SQLite waiting while a flow is checked.
    """
    if not steps.has_plugins:
        return
    for placed in (placed for flow in flows for placed in flow.steps.values()):
        kind = steps.get(placed.type)
        if kind is None or not steps.is_plugin(placed.type):
            continue
        with suppress(FlowError):  # the check, which asks again, makes a finding of it
            kind.exits(todays_config(kind, placed))
