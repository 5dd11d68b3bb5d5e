"""The process in which a stranger's steps run: one call after the other, each answered on the pipe.

A call is {"call": its number, "do", "type", "title", …}. It is answered by {"call", "answer", "printed", "retires"}, or
with {"error": {"kind", "message"}} instead of an answer.
"""

import decimal
import io
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any, Final

from app.step_host import carrying, frames
from app.step_host.confinement import resident_bytes
from app.step_host.questions import answers_about
from flows import document, wire
from flows.ask import Answer
from flows.context import Context
from flows.document import Flow
from flows.expression import ExpressionError
from flows.failing import broken
from flows.step import Outcome, Step, Trigger
from flows.values import TooLarge

OUT_OF_MEMORY: Final = 99  # the exit code when there is not even enough left to say so
_MOST_PRINTED: Final = 2_000  # characters a call may print; what follows is dropped
_MOST_KEPT_BYTES: Final = 134_217_728  # of memory a process may hold on to between calls, or it is replaced
_MOST_FLOWS: Final = 32
_GRACE_SECONDS: Final = 2.0


class Serving:
    """Answers calls until the other side is gone."""

    def __init__(self, line: socket.socket, kinds: Mapping[str, Step]) -> None:
        """The kinds by type."""
        self._line, self._kinds = line, kinds
        self._flows: dict[int, Flow] = {}
        self._process, self._memory = os.getpid(), resident_bytes()

    def serve(self) -> None:
        """Never returns."""
        while True:
            try:
                call = frames.receive(self._line)
            except (EOFError, OSError, frames.Nonsense):
                os._exit(0)
            # A step that goes on when nobody waits for it any more, its worker killed perhaps, ends by itself.
            signal.setitimer(signal.ITIMER_REAL, call["seconds"] + _GRACE_SECONDS)
            try:
                answer = self._answered(call)
                signal.setitimer(signal.ITIMER_REAL, 0)
                if os.getpid() != self._process:
                    os._exit(0)  # a copy that the step made of us: it has nothing to say
                self._send(call, answer)
            except MemoryError:
                os._exit(OUT_OF_MEMORY)
            except OSError:
                os._exit(0)
            if answer["retires"]:
                os._exit(0)

    def _send(self, call: Mapping[str, Any], answer: dict[str, Any]) -> None:
        try:
            frames.send(self._line, answer)
        except frames.TooLong as problem:
            frames.send(self._line, {**answer, "answer": None, "error": _told("too_large", _of(call, str(problem)))})

    def _answered(self, call: Mapping[str, Any]) -> dict[str, Any]:
        printed = _Bounded()
        sys.stdout = sys.stderr = printed
        answer: dict[str, Any] = {}
        try:
            with decimal.localcontext(decimal.Context()):  # a step that sets the precision sets it for itself alone
                answer["answer"] = self._done(call)
        except BaseException as problem:  # noqa: BLE001  a door to a stranger's code: SystemExit is no reason to end
            answer["error"] = _error_of(call, problem)
        out_of_memory = answer.get("error", {}).get("kind") == "plugin_memory"
        grown = resident_bytes() - self._memory > _MOST_KEPT_BYTES
        return {**answer, "call": call["call"], "printed": printed.getvalue(), "retires": out_of_memory or grown}

    def _done(self, call: Mapping[str, Any]) -> Any:
        step = self._kinds[call["type"]]
        match call["do"]:
            case "look":
                return _looked(step, call)
            case "upgrade":
                return wire.plain(dict(step.upgrade(call["config"], call["format"])))
            case "matches" if isinstance(step, Trigger):
                context = self._context(call)
                return wire.plain(step.matches(context.config, context))
            case _:
                return self._acted(step, call)

    def _acted(self, step: Step, call: Mapping[str, Any]) -> dict[str, Any]:
        """The outcome, or what became of it, and what the step's templates read in either case: that is traced."""
        context = self._context(call)
        try:
            outcome = _act(step, context, call)
            if not isinstance(outcome, Outcome):
                sentence = f"“{call['title']}” returned {type(outcome).__name__}, which is no outcome."
                return {"error": _told("step_error", sentence), "noted": carrying.noted_to_data(context)}
            acted: dict[str, Any] = {"outcome": carrying.outcome_to_data(outcome)}
        except MemoryError:
            raise
        except BaseException as problem:  # noqa: BLE001  a door to a stranger's code: SystemExit is no reason to end
            acted = {"error": _error_of(call, problem)}
        return {**acted, "noted": carrying.noted_to_data(context)}

    def _context(self, call: Mapping[str, Any]) -> Context:
        if "document" in call:
            if len(self._flows) >= _MOST_FLOWS:
                self._flows.clear()
            self._flows[call["flow"]] = document.from_data(call["document"])
        return carrying.context_from_data(self._flows[call["flow"]], call["context"])


def _act(step: Step, context: Context, call: Mapping[str, Any]) -> object:
    if call["do"] == "run":
        return step.run(context)
    if call["do"] == "answered":
        return step.answered(context, wire.from_data(Answer, call["answer"]))
    return step.resume(context, context.event)


def _looked(step: Step, call: Mapping[str, Any]) -> dict[str, Any]:
    """Every question's answer, or why there is none."""
    found: dict[str, Any] = {}
    for question in call["questions"]:
        try:
            found[question] = {"answer": answers_about(step, call["config"], question)}
        except MemoryError:
            raise
        except Exception as problem:  # noqa: BLE001  a door to a stranger's code, which can raise anything
            found[question] = {"error": _error_of(call, problem)}
    return found


def _error_of(call: Mapping[str, Any], problem: BaseException) -> dict[str, str]:
    """The failure that the engine would make of it, if the step ran there."""
    if isinstance(problem, MemoryError):
        return _told("plugin_memory", _of(call, "It used more memory than a step may."))
    if isinstance(problem, ExpressionError | TooLarge):
        return _told("too_large" if isinstance(problem, TooLarge) else "expression_error", str(problem))
    failure = broken(str(call["title"]), problem)
    return _told(failure.kind, failure.message)


def _told(kind: str, message: str) -> dict[str, str]:
    return {"kind": kind, "message": message}


def _of(call: Mapping[str, Any], sentence: str) -> str:
    return f"The step “{call['title']}” gave no answer that can be used. {sentence}"


class _Bounded(io.TextIOBase):
    """Takes whatever is printed and keeps its beginning."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._room = _MOST_PRINTED

    def writable(self) -> bool:
        """As every text file that can be written."""
        return True

    def write(self, text: str) -> int:
        """As much as there is room for."""
        if self._room > 0:
            self._kept.append(text[: self._room])
            self._room -= len(text)
        return len(text)

    def getvalue(self) -> str:
        """What was kept."""
        return "".join(self._kept)
