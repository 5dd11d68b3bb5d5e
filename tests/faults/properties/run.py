"""A run in the model: what it has said, and what it waits for."""

from dataclasses import dataclass

from tests.faults.properties.flows import Step


@dataclass(eq=False)
class Said:
    """A message of ours."""

    text: str
    by: str  # flow, agent, house
    run: "Run | None" = None
    key: str = ""
    state: str = ""  # in the outbox, as last seen
    rank: int = 0
    reported: int = 0  # the highest rank that the provider told and that counts
    failed: bool = False  # the provider has told that it could not be delivered
    may_be_cancelled: bool = False


@dataclass(eq=False)
class Wait:
    """What a run waits for. Instants in microseconds."""

    step: Step
    until: int | None  # None: the limit begins when the question is settled
    said: Said | None = None
    send_by: int = 0
    taken: bool = False  # the provider has the message


@dataclass(eq=False)
class Run:
    """A run of one version, which its label shows in every text."""

    label: str
    name: str = ""
    wait: Wait | None = None

    @property
    def waits(self) -> Wait:
        assert self.wait is not None, "a run that goes on waits for something"
        return self.wait

    @property
    def in_queue(self) -> bool:
        return self.waits.step.kind == "queue"
