"""Tests of a flow, which stand in its document: read, and run in simulated conversations to the first difference."""

from flows.testing.events import EVENT_WORDS, read_event
from flows.testing.expectations import EXPECTATION_WORDS, SuggestedData, suggested
from flows.testing.observed import Observed
from flows.testing.reading import FlowTest, faults_of, read_one
from flows.testing.retelling import retold
from flows.testing.running import Difference, Tested, run_one, run_tests

__all__ = [
    "EVENT_WORDS",
    "EXPECTATION_WORDS",
    "Difference",
    "FlowTest",
    "Observed",
    "SuggestedData",
    "Tested",
    "faults_of",
    "read_event",
    "read_one",
    "retold",
    "run_one",
    "run_tests",
    "suggested",
]
