"""Told to stop twice at once, as make, systemd and terminals do, a process stops once and never hangs."""

import subprocess
import sys

EVERY_LINE = """
import os, signal, sys
from app.stopping import Stopping

def told_at(line: int, act) -> bool:
    \"\"\"Whether a signal that comes at this line of the act, library code included, finds it that long.\"\"\"
    left = [line]

    def trace(_frame, event, _argument):
        if event == "line":
            if not left[0]:
                os.kill(os.getpid(), signal.SIGTERM)
            left[0] -= 1
        return trace

    sys.settrace(trace)
    act()
    sys.settrace(None)
    return left[0] < 0

for act in (Stopping.set, lambda stopping: stopping.wait(0.001)):
    line = 0
    while (stopping := Stopping.by(signal.SIGTERM)) and told_at(line, lambda: act(stopping)):
        assert stopping.wait(0)
        line += 1
    print(line > 2)
"""


def test_a_signal_at_any_line_of_setting_or_waiting_stops_the_process() -> None:
    program = [sys.executable, "-c", EVERY_LINE]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True\nTrue\n", "")
