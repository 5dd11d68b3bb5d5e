"""Plugins of strangers: packages with step files and entry points, as pip would have installed them, in a folder."""

from collections.abc import Mapping
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

from flows.registry import ENTRY_POINT_GROUP

_HEAD = '''
import os, re, socket, subprocess, sys, threading, time
from decimal import Decimal

from flows import form
from flows.ask import HttpRequest
from flows.event import TimerFired
from flows.effect import SendMessage
from flows.step import Ask, Claim, Example, Exit, Finish, Problem, Step, Take, Trigger, Wait, fail


class Strange({parent}):
    """Does what it is called."""

    type = "{type}"
    title = "Strange"
    group = "{group}"
    icon = "bug"
    schema = form.record({{"text": form.template("Text", "Anything.")}})

'''

RUNS: Mapping[str, str] = {
    "works": "heard, lacks = map(context.text, ('{{ message.text }}', '{{ no }}')); "
    "return Take('next', sets={'heard': heard, 'lacks': lacks})",
    "raises": 'raise ValueError("no luck today")',
    "loops": "while True: pass",
    "sleeps": "time.sleep(3600)",
    "runs_away": 'return Take("next" if re.match("(a+)+$", "a" * 60 + "b") else "next")',
    "hoards": 'return Take("next", sets={"x": len(bytearray(2_000_000_000))})',
    "leaks": "Strange.held = getattr(Strange, 'held', []) + [bytearray(b'x' * 80_000_000)]; return Take('next')",
    "forks": "os.fork(); return Take('next')",
    "starts": "subprocess.run(['true']); return Take('next')",
    "connects": "socket.create_connection(('127.0.0.1', 9)); return Take('next')",
    "exits": "os._exit(3)",
    "leaves": "sys.exit(3)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "kills": "os.kill(os.getppid(), 9); return Take('next')",
    "calls_x32": "_call(0x40000000 + 41, 2, 1, 0)",  # socket() by its number of the ABI x32
    "makes_rings": "_call(425, 8, None)",  # io_uring_setup
    "rounds": "import decimal; decimal.getcontext().prec = 2; return Take('next', sets={'x': str(1 / Decimal(3))})",
    "divides": "return Take('next', sets={'x': str(1 / Decimal(3))})",
    "fills": "import tempfile; f = tempfile.TemporaryFile(); f.truncate(100_000_000); return Take('next')",
    "signals": "_call(424, 0, 0, None, 0)",  # pidfd_send_signal, which needs no kill()
    "limits_others": "import resource; resource.prlimit(os.getppid(), resource.RLIMIT_CPU); return Take('next')",
    "prints": "[(print('x' * 1_000_000), os.write(1, b'y' * 1_000_000)) for _ in range(20)]; return Take('next')",
    "scribbles": "[os.write(n, b'\\xff' * 4096) for n in range(3, 40) if _is_pipe(n)]; return Take('next')",
    "forges": '[os.write(n, b\'\\x00\\x00\\x00\\x1c\' + b\'{"answer":{},"printed":""}  \') for n in range(3, 40)'
    " if _is_pipe(n)]; return Take('next')",
    "gives_nothing": "return None",
    "gives_text": "return 'next'",
    "gives_bytes": "return Take('next', sets={'x': b'1'})",
    "gives_number": "return Take(7)",
    "gives_object": "return Wait(('message',), keep={'x': object()})",
    "gives_much": "return Take('next', sets={'x': 'x' * 20_000_000})",
    "sends_much": "return Take('next', effects=[SendMessage('x')] * 21)",
    "sends_long": "return Take('next', effects=[SendMessage('x' * 2_000_000)])",
    "asks_long": "return Ask(HttpRequest('GET', 'https://shop.example.com/' + 'y' * 2_000_000))",
    "waits_for_ever": "return Wait(())",
    "unstorable": "return Take('next', effects=[SendMessage('a\\x00b\\ud800')], sets={'x\\x00': {'\\ud800': '\\x00'}})",
    "notes_badly": "context.inputs['a\\x00'] = 'b\\ud800'; context.missing += ['c\\ud800', *map(str, range(9_999))]; "
    "return Take('next')",
    "goes_elsewhere": "return Take('nowhere')",
    "reads_wrongly": "return Take('next', sets={'x': context.strict_text('{{ absent }}')})",
    "says_no": "return fail('own_kind', 'It says no.', retryable=True)",
    "sees_secrets": "return Take('next', sets={'x': ' '.join(os.environ)})",
    "names_process": "return Take('next', sets={'x': os.getpid()})",
}
"""What `run` does in each kind of step, by its type."""

_METHODS: Mapping[str, str] = {
    "asks": """
    def run(self, context):
        return Ask(HttpRequest("GET", "https://shop.example.com/"), keep={"n": 1})

    def answered(self, context, answer):
        return Wait(("message",), limit_seconds=60, keep={"status": answer.status, "n": context.kept["n"]})

    def resume(self, context, event):
        if isinstance(event.happened, TimerFired):
            return Take("timed_out")
        sets = {"status": context.kept["status"], "said": event.happened.text}
        return Take("next", sets=sets, effects=[SendMessage("Thank you")])

    def exits(self, config):
        return [Exit("next"), Exit("timed_out")]

    def effective_limit(self, config):
        return 60
""",
    "grown": """
    format = 2

    def upgrade(self, config, format):
        return {"text": config["words"]}

    def run(self, context):
        return Take("next", sets={"x": context.text(context.config["text"])})
""",
    "grows_badly": """
    format = 2

    def upgrade(self, config, format):
        raise ValueError("no luck")

    def run(self, context):
        return Take("next")
""",
    "grows_endlessly": """
    format = 2

    def upgrade(self, config, format):
        while True: pass

    def run(self, context):
        return Take("next")
""",
    "boasts": """
    def summary(self, config):
        return "great\\n" * 1_000_000

    def run(self, context):
        return Take("next")
""",
    "told_badly": """
    def exits(self, config):
        return [Exit("next"), "other"]

    def summary(self, config):
        return config["text"]

    def variables(self, config):
        while True: pass

    def problems(self, config):
        return [Problem("odd", "text", "This is odd.", "Mend it.")]
""",
    "begins": """
    format = 2

    def upgrade(self, config, format):
        return {"text": config["words"]}

    def claims(self, config):
        return [Claim("messages", (config.get("text", "line"),), keywords=("plug",), priority=3)]

    def matches(self, config, context):
        assert "words" not in config
        text = context.event.happened.text
        if text == "break":
            raise ValueError
        return 10 if "plug" in text else None

    def run(self, context):
        return Take("next", sets={"began": True})
""",
}


def source(type: str) -> str:
    """The file of one kind of step."""
    parent, group = ("Trigger", "trigger") if type == "begins" else ("Step", "data")
    head = _HEAD.format(type=type, parent=parent, group=group).lstrip()
    body = _METHODS.get(type) or f"    def run(self, context):\n        {RUNS[type]}\n"
    return head + body.lstrip("\n") + _TAIL


_TAIL = """

def _call(number, *arguments):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(number, *arguments)
    raise OSError(ctypes.get_errno(), "refused")


def _is_pipe(n):
    import stat
    try:
        return stat.S_ISSOCK(os.fstat(n).st_mode)
    except OSError:
        return False
"""


def write_plugin(folder: Path, files: Mapping[str, str], name: str = "strangers") -> None:
    """A package of the given step files (by type) and its metadata; the folder then goes onto the path."""
    package, information = folder / name, folder / f"{name}-1.0.dist-info"
    for place in (package, information):
        place.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    for type_, text in files.items():
        (package / f"{type_}.py").write_text(text, encoding="utf-8")
    points = "".join(f"{type_} = {name}.{type_}:Strange\n" for type_ in files)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\n{points}", encoding="utf-8")


def points_in(folder: Path, name: str = "strangers") -> list[EntryPoint]:
    """What the plugin in a folder names."""
    return sorted(Distribution.at(folder / f"{name}-1.0.dist-info").entry_points, key=lambda point: point.name)


ALL = (*RUNS, *_METHODS)
