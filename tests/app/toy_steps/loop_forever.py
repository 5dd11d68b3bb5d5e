"""The step `loop_forever`: never comes back."""

from collections.abc import Mapping
from typing import ClassVar

from flows.context import Context
from flows.form import record
from flows.step import Group, Json, Outcome, Step


class LoopForeverStep(Step):
    """Computes until somebody kills its process."""

    type: ClassVar[str] = "loop_forever"
    title: ClassVar[str] = "Loop for ever"
    group: ClassVar[Group] = "data"
    icon: ClassVar[str] = "infinity"
    schema: ClassVar[Mapping[str, Json]] = record({})

    def run(self, context: Context) -> Outcome:
        """Never returns."""
        while True:
            pass
