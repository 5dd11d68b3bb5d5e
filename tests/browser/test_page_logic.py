"""The pages' own tests (Vitest): their pure logic, without a browser."""

import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def test_the_pages_logic_does_what_its_tests_claim() -> None:
    if not (PROJECT / "static/node_modules").exists():
        pytest.skip("static/node_modules is missing (`make static/dist/.stamp` fetches it)")
    done = subprocess.run(
        [".ci/node", "static", "test"], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
