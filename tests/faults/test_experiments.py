"""Every experiment can be found by its name and says what it promises."""

import pytest

from tests.faults.experiments import Experiment, experiments

ALL = list(experiments().values())


@pytest.mark.parametrize("experiment", ALL, ids=[one.name for one in ALL])
def test_an_experiment_is_called_by_its_module_and_promises_a_sentence(experiment: Experiment) -> None:
    assert experiment.run.__module__.rpartition(".")[2].replace("_", "-") == experiment.name
    assert experiment.promise.endswith(".")
    assert experiment.databases
