"""Who holds the receiver: hears what is said, presses keys, answers the phones that ring, and hangs up."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

_PATIENCE_SECONDS = 30.0  # of silence, after the last word of a script
_WORD_SECONDS = 1
_LENGTH = re.compile(r"([0-9]{1,3})(h?)")
_LONGEST_SILENCE_SECONDS = 300.0  # before its next word, while it waits in a queue


class HungUp(Exception):
    """The caller put the receiver down."""


@dataclass(frozen=True)
class Wanted:
    """What a gather takes: at most `digits` keys (0 = no bound), ended by `finish_key`, or words when `speech`."""

    keys: bool = True
    speech: bool = False
    digits: int = 0
    finish_key: str = "#"


@dataclass(frozen=True)
class Given:
    """What the caller gave; nothing of both is no input."""

    keys: str = ""
    speech: str = ""


@dataclass(frozen=True)
class Spoken:
    """How long the caller spoke into a recording, and whether they put the receiver down instead of waiting."""

    seconds: int
    is_gone: bool = False


class Person:
    """A caller whose answers come one by one: typed lines, or the words of a script.

    An empty answer and `.` are no input, `h` hangs up, and so does the end of the answers. Whoever follows a script
    also hangs up when only silence follows.
    """

    def __init__(
        self,
        answers: Iterator[str],
        say: Callable[[str], None],
        ask: Callable[[str], None] | None = None,
        wait: Callable[[float], None] = time.sleep,
        follows_script: bool = False,
    ) -> None:
        """`say` prints a line; `ask` a prompt for somebody who types (else prompt and answer are said together);
        `wait` passes the time of a pause."""
        self._answers, self._say, self._ask, self._wait = answers, say, ask, wait
        self._follows_script = follows_script
        self._silent_seconds = 0.0
        self._peeked: list[str] = []

    def hear(self, text: str) -> None:
        """What the other side says."""
        self._silent_seconds = 0.0
        self._say(f"» {text}")

    def note(self, text: str) -> None:
        """What happens on the line."""
        self._say(f"  {text}")

    def wait(self, seconds: float) -> None:
        """Silence. Raises: HungUp."""
        if not self._silent_seconds:
            self.note("(silence)")
        self._wait(seconds)
        self._silent_seconds += seconds
        if self._follows_script and self._silent_seconds >= self._patience_seconds():
            raise HungUp

    def press(self, wanted: Wanted) -> Given:
        """Keys or words. Raises: HungUp."""
        what = " or ".join(name for name, taken in (("keys", wanted.keys), ("words", wanted.speech)) if taken)
        answer = self._next(f"{what} (Enter = nothing, h = hang up): ")
        pressed = answer.replace(" ", "")
        if wanted.keys and pressed and set(pressed) <= set("0123456789*#"):
            if wanted.finish_key and wanted.finish_key in pressed:
                pressed = pressed.partition(wanted.finish_key)[0]
            return Given(keys=pressed[: wanted.digits or None])
        return Given(speech=answer) if wanted.speech else Given()

    def speak(self, most_seconds: int, *, beep: bool) -> Spoken:
        """What is said after the beep: a text, or how many seconds long it is; an `h` at its end hangs up."""
        heard = "♪ beep" if beep else "(recording)"
        try:
            answer = self._next(f"{heard} Speak (a text or its seconds, then h = hang up, Enter = silence): ")
        except HungUp:
            return Spoken(0, is_gone=True)
        length = _LENGTH.fullmatch(answer)
        seconds = int(length[1]) if length else len(answer.split()) * _WORD_SECONDS
        return Spoken(min(seconds, most_seconds), is_gone=bool(length and length[2]))

    def pick_up(self, phone: str) -> str:
        """The outcome of a phone that rings, in DialCallStatus words. Raises: HungUp."""
        while True:
            answer = self._next(f"Ringing {phone} — answer? [y/n/busy]: ").lower()
            if answer in _OUTCOMES:
                return _OUTCOMES[answer]
            self.note("Type y (answered), n (nobody answers), busy, failed, or h to hang up.")

    def talk(self) -> None:
        """The bridge, until either side ends it. Raises: HungUp."""
        self._next("You are talking. Enter = they hang up, h = you do: ", at_end="")

    def _patience_seconds(self) -> float:
        """How much silence a script bears: none before `h`, less when it has nothing more to do."""
        if not self._peeked:
            self._peeked.extend(islice(self._answers, 1))
        if not self._peeked:
            return _PATIENCE_SECONDS
        return 0.0 if self._peeked[0] == "h" else _LONGEST_SILENCE_SECONDS

    def _next(self, prompt: str, at_end: str | None = None) -> str:
        if self._ask is not None:
            self._ask(prompt)
        self._silent_seconds = 0.0
        try:
            answer = self._peeked.pop() if self._peeked else next(self._answers, at_end)
        except KeyboardInterrupt:
            answer = None
        if self._ask is None:
            self.note(prompt + ("h" if answer is None else answer.strip()))
        if answer is None or answer.strip().lower() == "h":
            raise HungUp
        return "" if answer.strip() == "." else answer.strip()


_OUTCOMES = {
    "y": "completed",
    "yes": "completed",
    "n": "no-answer",
    "no": "no-answer",
    "": "no-answer",
    "busy": "busy",
    "b": "busy",
    "failed": "failed",
    "f": "failed",
}
