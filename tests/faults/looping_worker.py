"""A worker in which the tests' step `loop_forever` counts as built-in: `python -m tests.faults.looping_worker`."""

import os
import sys
from unittest.mock import patch

from app import wiring, worker
from app.config import Settings

STEP_PACKAGES = (*wiring.STEP_PACKAGES, "tests.app.toy_steps")


def main() -> int:
    """Works until told to stop, with the product's own patience."""
    with patch.object(wiring, "STEP_PACKAGES", STEP_PACKAGES):
        return worker.main(Settings.from_environment(os.environ))


if __name__ == "__main__":
    sys.exit(main())
