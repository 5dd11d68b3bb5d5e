"""The engine's limits: every one a setting with its unit and its reason, each with an error kind of its own.

An installation may lower them (LIMITS), never raise them: stored flows are read, and carriers asked, within these.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one installation. The error kind of each stands behind it."""

    steps_per_flow: int = 1_000  # too_many_steps, at reading: a canvas nobody can draw
    document_bytes: int = 524_288  # too_large, at reading: 512 KiB
    document_depth: int = 64  # too_deep, at reading: recursion in every tool that touches it
    exits_per_step: int = 50  # too_many_exits, at reading
    steps_per_run: int = 2_000  # run_too_long
    steps_between_waits: int = 1_000  # loop_detected: names the cycle
    wait_seconds: int = 30 * 86_400  # wait_too_long
    run_seconds: int = 90 * 86_400  # run_too_old
    subflow_depth: int = 20  # depth_exceeded
    http_seconds: float = 60.0  # timeout; the most an author may choose
    http_seconds_on_call: float = 8.0  # timeout: the carrier waits 15 s in all
    response_bytes: int = 5_242_880  # too_large; the most an author may choose
    answers_bytes: int = 16_777_216  # too_large: what one turn is told by other systems stays in memory and its record
    variables_per_run: int = 200  # too_many_variables
    variable_bytes: int = 65_536  # too_large
    inbound_text: int = 20_000  # characters; the rest is kept as a file
    rendered_text: int = 10_000  # too_large
