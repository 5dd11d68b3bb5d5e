"""The API under /api/v1, one module per noun; every door needs a token."""

from typing import Final

from app.web.api import flows, tokens, versions

NOUNS: Final = (flows.noun, versions.noun, tokens.noun)
BLUEPRINTS: Final = tuple(noun.blueprint for noun in NOUNS)
