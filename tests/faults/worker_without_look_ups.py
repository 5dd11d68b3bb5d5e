"""A worker that cannot ask the provider what it has: with no keys either, sends without an answer stay unknown."""

import sys
from unittest.mock import patch

from app import cli
from app.channels.contract import SendPolicy
from app.channels.twilio import Twilio


def main() -> int:
    """Works until told to stop."""
    with patch.object(Twilio, "policy", SendPolicy()):
        return cli.main(["worker"])


if __name__ == "__main__":
    sys.exit(main())
