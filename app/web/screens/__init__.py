"""The pages for people: signing in, and the frame with what each may see. They work without script."""

from typing import Final

from app.web.screens import account, api, audit, joining, people, runs, sign_in, start, tokens

BLUEPRINTS: Final = (sign_in.blueprint, joining.blueprint)
"""Open pages: whoever comes is not signed in yet."""
SCREENS: Final = (
    start.screens,
    people.screens,
    tokens.screens,
    audit.screens,
    api.screens,
    runs.screens,
    account.screens,
)
