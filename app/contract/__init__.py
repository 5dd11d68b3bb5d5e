"""The contract of a step, held against its class and its examples: what `patchbay steps check` and our tests run."""

from app.contract.fault import Fault
from app.contract.rules import ABOUT_EXAMPLE, ABOUT_STEP, faults_in, faults_of

__all__ = ["ABOUT_EXAMPLE", "ABOUT_STEP", "Fault", "faults_in", "faults_of"]
