"""What is wrong with a step's class: where, what, and how to mend it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that breaks the contract. `place` is an example's title, a file's line, or empty for the class."""

    place: str
    sentence: str
    mend: str
    step_broke: bool = False  # whatever else is found about that example only follows from it
