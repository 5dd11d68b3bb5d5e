"""The config of a placed step in today's format of its kind: a frozen version keeps the one it was published with."""

from flows.document import PlacedStep
from flows.step import Config, Step


def todays_config(kind: Step, placed: PlacedStep) -> Config:
    """The kind's `upgrade` is asked where the step was placed with an older format. Raises: what that raises."""
    return kind.upgrade(placed.config, placed.format) if placed.format < kind.format else placed.config
