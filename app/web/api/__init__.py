"""The API under /api/v1, one module per noun; every door names the right it needs."""

from typing import Final

from app.web.api import (
    audit,
    calendar_hours,
    calendars,
    connections,
    constants,
    conversations,
    credentials,
    dead_letters,
    files,
    flows,
    me,
    numbers,
    openapi,
    people,
    problems,
    queues,
    runs,
    starts,
    tokens,
    versions,
)

_DESCRIBED: Final = (
    flows.noun,
    versions.noun,
    conversations.noun,
    runs.noun,
    starts.noun,
    problems.noun,
    dead_letters.noun,
    connections.noun,
    numbers.noun,
    queues.noun,
    calendars.noun,
    calendar_hours.noun,
    credentials.noun,
    constants.noun,
    files.noun,
    people.noun,
    tokens.noun,
    audit.noun,
    me.noun,
)
NOUNS: Final = (*_DESCRIBED, openapi.describing(_DESCRIBED))
