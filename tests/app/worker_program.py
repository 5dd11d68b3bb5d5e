"""A real worker with the tests' channels and steps, and with less patience: `python -m tests.app.worker_program`."""

import os
import sys

import pytest

from app import wiring, worker
from app.config import Settings
from tests.app.provider import install_doubles

MOST_COMPUTING_SECONDS = 1.0
MOST_SILENT_SECONDS = 3.0
BEAT_SECONDS = 0.3


def main() -> int:
    """Works until told to stop."""
    patch = pytest.MonkeyPatch()
    install_doubles(patch)
    patch.setattr(wiring, "STEP_PACKAGES", (*wiring.STEP_PACKAGES, "tests.app.toy_steps"))
    patch.setattr(worker, "_MOST_COMPUTING_SECONDS", MOST_COMPUTING_SECONDS)
    patch.setattr(worker, "_MOST_SILENT_SECONDS", MOST_SILENT_SECONDS)
    patch.setattr(worker, "_BEAT_SECONDS", BEAT_SECONDS)
    return worker.main(Settings.from_environment(os.environ))


if __name__ == "__main__":
    sys.exit(main())
