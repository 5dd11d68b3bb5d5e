"""The API under /api/v1, one module per noun; every door needs a token."""

from typing import Final

from app.web.api import (
    connections,
    constants,
    conversations,
    credentials,
    dead_letters,
    files,
    flows,
    numbers,
    openapi,
    problems,
    queues,
    runs,
    tokens,
    versions,
)

_DESCRIBED: Final = (
    flows.noun,
    versions.noun,
    conversations.noun,
    runs.noun,
    problems.noun,
    dead_letters.noun,
    connections.noun,
    numbers.noun,
    queues.noun,
    credentials.noun,
    constants.noun,
    files.noun,
    tokens.noun,
)
NOUNS: Final = (*_DESCRIBED, openapi.describing(_DESCRIBED))
BLUEPRINTS: Final = tuple(noun.blueprint for noun in NOUNS)
