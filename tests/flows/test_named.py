"""The named things in a flow: found, and replaced, in whatever format a step was placed."""

from typing import ClassVar

from flows import form
from flows.document import Flow, PlacedStep
from flows.named import names_in, renamed
from flows.step import Config, Group, Step


class Keyed(Step):
    """Names a credential, which format 1 called `key`."""

    type: ClassVar[str] = "keyed"
    title: ClassVar[str] = "Keyed"
    group: ClassVar[Group] = "data"
    icon: ClassVar[str] = "key"
    format: ClassVar[int] = 2
    schema = form.record({"credential": form.named("credential", "Credential", "Which key.")})

    def upgrade(self, config: Config, format: int) -> Config:
        if "broken" in config:
            raise KeyError("key")
        return {"credential": config["key"]}


STEPS = {"keyed": Keyed()}


def flow_of(config: Config, format: int) -> Flow:
    return Flow("A", {"it": PlacedStep("it", "keyed", config, {}, format=format)}, languages=("en",))


def test_a_name_in_an_older_format_is_found_and_replaced() -> None:
    for flow in (flow_of({"key": "crm"}, 1), flow_of({"credential": "crm"}, 2)):
        assert names_in(flow, STEPS)["credential"] == {"crm"}
        step = renamed(flow, STEPS, {"credential": {"crm": "other"}}).steps["it"]
        assert (step.config, step.format) == ({"credential": "other"}, 2)


def test_what_is_not_renamed_stays_as_it_is() -> None:
    for flow in (flow_of({"key": "crm"}, 1), flow_of({"broken": "crm"}, 1)):
        assert renamed(flow, STEPS, {"credential": {"another": "other"}}) == flow
