"""What a step sees while it runs: its config, the variables, the event, and the rendering of its templates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flows.document import Flow
from flows.event import Event
from flows.expression import Template
from flows.facts import Facts
from flows.limits import Limits
from flows.run import Run
from flows.values import Value

LANGUAGE = "language"  # the run's variable that says in which language texts are chosen


@dataclass
class Context:
    """One visit of one placed step. Everything but the trace notes is read-only to the step."""

    flow: Flow
    step: str  # the placed step's id
    config: Mapping[str, Any]
    run: Run
    event: Event
    limits: Limits
    kept: Mapping[str, Any] = field(default_factory=dict)
    effects_before: int = 0  # effects the open turn holds already; numbers the next one
    inputs: dict[str, Value] = field(default_factory=dict)  # trace: every name a template read, with its value
    missing: list[str] = field(default_factory=list)  # trace: names that had no value

    @property
    def facts(self) -> Facts:
        """The contact, the conversation and the installation."""
        return self.event.facts

    @property
    def now(self) -> datetime:
        """The turn's one instant, aware UTC."""
        return self.event.now

    @property
    def on_call(self) -> bool:
        """Whether there is a caller on the line now."""
        return self.facts.on_call and not self.run.call_ended

    @property
    def language(self) -> str:
        """The language texts are chosen in, of those the flow has: the run's variable `language`, which a trigger or
        set_variable may set, else the contact's or number's, else the flow's first."""
        spoken = self.run.variables.get(LANGUAGE)
        wanted = (spoken if isinstance(spoken, str) else "", self.facts.language)
        return next((language for language in wanted if language in self.flow.languages), self.flow.languages[0])

    def effect_key(self, offset: int = 0) -> str:
        """The key the offset-th effect of this step's next outcome will have."""
        return f"{self.run.id}/{self.run.turn}/{self.effects_before + offset}"

    def scope(self) -> dict[str, Value]:
        """All names an expression may read."""
        facts = self.facts
        names: dict[str, Value] = dict(self.run.variables)
        names.update(
            contact=dict(facts.contact),
            conversation=dict(facts.conversation),
            constants=dict(facts.constants),
            message=dict(self.run.message),
            call=dict(self.run.call),
            error=dict(self.run.error),
            now=self.now,
        )
        return names

    def text(self, source: str, extra: Mapping[str, Value] | None = None) -> str:
        """A template as text; missing values are empty and noted. Raises ExpressionError, TooLarge."""
        scope = self._scope(extra)
        rendered = self._compiled(source, scope).render(scope, limit=self.limits.rendered_text)
        self._note_missing(rendered.missing)
        return rendered.text

    def localised(self, texts: Mapping[str, str], extra: Mapping[str, Value] | None = None) -> str:
        """A text for the contact, in their language or the flow's first."""
        return self.text(self._of_language(texts), extra)

    def localised_html(self, texts: Mapping[str, str]) -> str:
        """The same for HTML that the author wrote, with each value as text in it."""
        scope = self._scope(None)
        rendered = self._compiled(self._of_language(texts), scope).render_html(scope, limit=self.limits.rendered_text)
        self._note_missing(rendered.missing)
        return rendered.text

    def value(self, source: str) -> Value:
        """A lone expression's typed value, else the rendered text. A missing value is None."""
        scope = self._scope(None)
        evaluated = self._compiled(source, scope).evaluate_noting(scope, limit=self.limits.rendered_text)
        self._note_missing(evaluated.missing)
        return evaluated.value

    def strict_text(self, source: str) -> str:
        """A template for a recipient or a body: a missing value raises ExpressionError."""
        scope = self._scope(None)
        return self._compiled(source, scope).render(scope, strict=True, limit=self.limits.rendered_text).text

    def strict_value(self, source: str) -> Value:
        """A typed value for a body: a missing value raises ExpressionError."""
        scope = self._scope(None)
        return self._compiled(source, scope).evaluate(scope, strict=True, limit=self.limits.rendered_text)

    def address(self, source: str) -> str:
        """A template for an address: each value percent-encoded as one segment; a missing value raises."""
        scope = self._scope(None)
        return self._compiled(source, scope).render_address(scope)

    def header(self, source: str) -> str:
        """A template for a header value: refuses line breaks and missing values."""
        scope = self._scope(None)
        return self._compiled(source, scope).render_header(scope)

    def _of_language(self, texts: Mapping[str, str]) -> str:
        return texts.get(self.language) or texts.get(self.flow.languages[0]) or next(iter(texts.values()), "")

    def _scope(self, extra: Mapping[str, Value] | None) -> dict[str, Value]:
        return {**self.scope(), **extra} if extra else self.scope()

    def _compiled(self, source: str, scope: Mapping[str, Value]) -> Template:
        """The template; what it reads stands in the trace even when it then fails."""
        template = Template.compile(source)
        for path in sorted(template.paths):
            self.inputs[path] = _look_up(scope, path)
        return template

    def _note_missing(self, names: tuple[str, ...]) -> None:
        self.missing += [name for name in names if name not in self.missing]


def _look_up(scope: Mapping[str, Value], path: str) -> Value:
    first, *keys = path.split(".")
    value = scope.get(first)
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
