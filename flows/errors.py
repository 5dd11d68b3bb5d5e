"""The engine's errors, one tree; every message is a sentence that names the thing and what to do.

FlowError
├── DocumentError      a flow's JSON cannot be read: where, and why
├── SchemaError        a step class asks for a form that cannot be drawn
└── RegistryError      the installed step classes do not fit together
(ExpressionError of `flows.expression` and the interpreter's errors hang below FlowError too.)
"""


class FlowError(Exception):
    """The root of all errors the engine raises on purpose."""


class DocumentError(FlowError):
    """A flow's document is refused. `path` is where, as "steps.tier.exits"; empty means the whole document.

    `code` is a short stable word: not_utf8, not_json, too_large, too_deep, duplicate_key, number_out_of_range,
    unknown_format, unknown_key, missing_key, wrong_type, bad_value, too_many_steps, too_many_exits.
    """

    def __init__(self, path: str, sentence: str, code: str = "bad_value") -> None:
        super().__init__(f"{path}: {sentence}" if path else sentence)
        self.path = path
        self.sentence = sentence
        self.code = code


class SchemaError(FlowError):
    """A step class's schema uses something a form cannot draw; `path` is where in the schema."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}" if path else sentence)
        self.path = path
        self.sentence = sentence


class RegistryError(FlowError):
    """Two step classes of one type, a class that is not named like its file, or one whose schema is refused."""
