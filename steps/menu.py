"""The step `menu`: lets a caller choose by a key or by a spoken phrase."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flows.ask import Answer, FileStateAnswer
from flows.context import Context
from flows.effect import Gather
from flows.event import Event, KeysPressed
from flows.form import advanced, filled, localised, record, rows, seconds, text, whole
from flows.menu_choices import CHOICE, chosen, exit_of
from flows.phrase_mode import PHRASE_MODE
from flows.prompting import Prompt, Reason, ask, ask_again, heard_in, is_silent, longest_seconds, sound_came, wait_for
from flows.sounds import STORED_SOUND_ERRORS, sound_problems, stored_sounds
from flows.step import Ask, Config, Example, Exit, Group, Json, Medium, Outcome, Problem, Step, Take
from flows.voice import ASR_ERRORS, SUREST_SPEECH, VOICE_ERRORS, is_unsure


class MenuStep(Step):
    """Says what can be chosen and waits for a key or a spoken phrase; a key interrupts the words. A wrong choice or
    silence is asked again as often as you allow, then the call leaves by “invalid” or “no input”."""

    type: ClassVar[str] = "menu"
    title: ClassVar[str] = "Menu"
    group: ClassVar[Group] = "talk"
    icon: ClassVar[str] = "list-numbers"
    media: ClassVar[frozenset[Medium]] = frozenset({"call"})
    waits: ClassVar[bool] = True
    talks: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "prompt": localised("Prompt", "What the caller hears first, such as “For sales press 1.”"),
            "prompt_sounds": stored_sounds(
                "Prompt as a sound", "An uploaded sound instead of the text: one for all, or one per language."
            ),
            "choices": rows("Choices", "What can be chosen; each one is an exit.", CHOICE, minimum=1, maximum=40),
            "attempts": whole("Attempts", "How often the caller is asked in all.", minimum=1, maximum=5, default=3),
            "timeout_seconds": seconds(
                "Time to choose", "How long the menu waits for a key after the words.", minimum=1, maximum=60, default=5
            ),
            "no_input_text": localised("After silence", "Said before the prompt is repeated when nothing was chosen."),
            "invalid_text": localised(
                "After a wrong choice", "Said before the prompt is repeated after another key or word."
            ),
            "mode": PHRASE_MODE,
            "minimum_confidence": SUREST_SPEECH,
            "voice": advanced(
                text("Voice", "The name of a voice of your provider; empty means its own choice.", default="")
            ),
        },
        required=["choices"],
        exactly_one_of=["prompt", "prompt_sounds"],
    )
    errors: ClassVar[Mapping[str, str]] = {**VOICE_ERRORS, **ASR_ERRORS, **STORED_SOUND_ERRORS}
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "A key is pressed",
            {"prompt": {"en": "For sales press 1."}, "choices": [{"key": "1", "label": "Sales"}]},
            leaves_by="key_1",
            turns=[KeysPressed(digits="1")],
            on_call=True,
        ),
        Example(
            "Star is a key too",
            {"prompt": {"en": "Star or hash?"}, "choices": [{"key": "*"}, {"key": "#"}]},
            leaves_by="key_star",
            turns=[KeysPressed(digits="*")],
            on_call=True,
        ),
        Example(
            "And so is hash",
            {"prompt": {"en": "Star or hash?"}, "choices": [{"key": "*"}, {"key": "#"}]},
            leaves_by="key_hash",
            turns=[KeysPressed(digits="#")],
            on_call=True,
        ),
        Example(
            "A phrase is spoken",
            {
                "prompt": {"en": "How can we help?"},
                "choices": [{"id": "billing", "phrases": ["my invoice", "billing"]}],
            },
            leaves_by="billing",
            turns=[KeysPressed(speech="It is about my invoice, please.")],
            on_call=True,
        ),
        Example(
            "Silence, then a key",
            {"prompt": {"en": "Press 1."}, "choices": [{"key": "1"}], "no_input_text": {"en": "Are you there?"}},
            leaves_by="key_1",
            turns=[KeysPressed(), KeysPressed(digits="1")],
            on_call=True,
        ),
        Example(
            "Nothing but silence",
            {"prompt": {"en": "Press 1."}, "choices": [{"key": "1"}], "attempts": 2},
            leaves_by="no_input",
            turns=[KeysPressed(), KeysPressed()],
            on_call=True,
        ),
        Example(
            "A key that means nothing",
            {"prompt": {"en": "Press 1."}, "choices": [{"key": "1"}], "attempts": 1},
            leaves_by="invalid",
            turns=[KeysPressed(digits="9")],
            on_call=True,
        ),
        Example(
            "Never understood",
            {
                "prompt": {"en": "How can we help?"},
                "choices": [{"id": "billing", "phrases": ["billing"]}],
                "attempts": 1,
                "minimum_confidence": 0.5,
            },
            leaves_by="failure",
            turns=[KeysPressed(speech="billing", confidence=0.2)],
            on_call=True,
            error="asr_failed",
        ),
        Example(
            "An uploaded prompt",
            {"prompt_sounds": [{"file": "5f" * 32}], "choices": [{"key": "1"}]},
            leaves_by="key_1",
            turns=[FileStateAnswer("7", "audio/wav", "menu.wav"), KeysPressed(digits="1")],
            on_call=True,
        ),
        Example(
            "An uploaded prompt that was deleted",
            {"prompt_sounds": [{"file": "5f" * 32}], "choices": [{"key": "1"}]},
            leaves_by="failure",
            turns=[FileStateAnswer()],
            on_call=True,
            error="audio_unreachable",
        ),
        Example(
            "Nobody hears a menu in a chat",
            {"prompt": {"en": "Press 1."}, "choices": [{"key": "1"}]},
            leaves_by="failure",
            error="call_ended",
        ),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """One exit per choice, then silence and wrong choices."""
        chosen = [
            Exit(exit_of(row), row.get("label") or row.get("key") or row.get("id", ""))
            for row in config.get("choices", ())
        ]
        return (*chosen, Exit("no_input", "no input"), Exit("invalid", "invalid"))

    def summary(self, config: Config) -> str:
        """The choices in one line."""
        rows = config.get("choices", ())
        return ", ".join(" ".join(filter(None, (row.get("key"), row.get("label") or row.get("id")))) for row in rows)

    def problems(self, config: Config) -> Sequence[Problem]:
        """Choices that nobody can take, and two that are one."""
        found = [*sound_problems(config, "prompt_sounds")]
        seen: set[str] = set()
        for index, row in enumerate(config.get("choices", ())):
            where = f"choices.{index}"
            if not row.get("key") and not (row.get("id") and row.get("phrases")):
                found.append(
                    Problem(
                        "choice_unreachable",
                        where,
                        "Nothing leads to this choice.",
                        "Give it a key, or the name of its exit and the phrases that choose it.",
                    )
                )
            elif exit_of(row) in seen or exit_of(row) in {"no_input", "invalid", "failure"}:
                found.append(
                    Problem(
                        "exit_twice", where, f"The exit {exit_of(row)} exists already.", "Choose another key or name."
                    )
                )
            seen.add(exit_of(row))
        return found

    def effective_limit(self, config: Config) -> float | None:
        """The time to choose, and what a lost call may take at most."""
        return longest_seconds(filled(self.schema, config))

    def run(self, context: Context) -> Outcome:
        """Ask for the first time."""
        return self._gather(context, ask(context, filled(self.schema, context.config)))

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Ask by the uploaded sound."""
        return self._gather(context, sound_came(context, filled(self.schema, context.config), answer))

    def resume(self, context: Context, event: Event) -> Outcome:
        """Leave by what was chosen, or ask again."""
        happened = heard_in(event)
        if isinstance(happened, Take):
            return happened
        config = filled(self.schema, context.config)
        heard = {"digits": happened.digits, "speech": happened.speech, "confidence": happened.confidence}
        unsure = is_unsure(happened, config)
        if not unsure and (row := chosen(config, happened, context.language)):
            return Take(exit_of(row), why=heard)
        reason: Reason = "unsure" if unsure else "no_input" if is_silent(happened) else "invalid"
        why = {**heard, "attempts": context.kept["attempt"]}
        return self._gather(context, ask_again(context, config, reason, why))

    def _gather(self, context: Context, prompt: Prompt | Ask | Take) -> Outcome:
        if not isinstance(prompt, Prompt):
            return prompt
        config = filled(self.schema, context.config)
        choices = config["choices"]
        phrases = tuple(phrase for row in choices for phrase in row.get("phrases", ()))
        gather = Gather(
            prompts=prompt.verbs,
            keys=any("key" in row for row in choices),
            speech=bool(phrases),
            maximum_digits=1,
            finish_key="",  # one key chooses, and that key may be the hash
            timeout_seconds=round(config["timeout_seconds"]),
            hints=phrases,
            language=context.language,
        )
        return wait_for(context, config, gather, {"attempt": prompt.attempt})
