"""Texts: one for every language of the flow, and none that holds a secret."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from math import log2
from typing import Any

from flows import form
from flows.check.finding import Finding
from flows.check.survey import Survey
from flows.form.walk import join

# What the keys of well-known services begin with, and where keys and passwords stand in addresses and headers.
_SECRET = re.compile(
    r"""
    \b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,}                  # Stripe: https://docs.stripe.com/keys
    | \bsk-[A-Za-z0-9_-]{20,}                                       # several AI services
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b     # AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    | \bgh[pousr]_[A-Za-z0-9]{20,}      # GitHub: https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}                              # Slack: https://docs.slack.dev/authentication/tokens
    | \bSK[0-9a-f]{32}\b                                            # Twilio: https://www.twilio.com/docs/glossary/what-is-a-sid
    | \bAIza[A-Za-z0-9_-]{30,}                                      # Google
    | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{5,}                 # JSON Web Token: RFC 7519 section 3.1
    | \b(?:Bearer|Basic|Token)\s+(?=\S*[0-9=])[A-Za-z0-9._~+/-]{12,} # RFC 6750 section 2.1, RFC 7617 section 2
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----                          # RFC 7468 section 10
    | ://[^/\s:@{}]+:[^/\s@{}]+@                                    # RFC 3986 section 3.2.1
    | [?&](?:[a-z_-]*(?:api[_-]?key|apikey|token|secret|password|passwd)|key|auth|sig)=(?!\{)[^&\s{}]{6,}
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SECRET_HEADERS = re.compile(r"authorization|api-?key|token|secret|password|cookie", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9_+/=-]{32,}")
_BITS_OF_CHANCE = 4.0  # per character; words and ids stay below it, random keys of 32 characters lie above


def texts(survey: Survey) -> Iterator[Finding]:
    """Texts that are missing in a language of the flow, and settings that look like a secret."""
    for placed in survey.placed.values():
        if placed.kind is not None:
            for path, by_language in form.localised_texts(placed.kind.schema, placed.config):
                lacking = [one for one in survey.flow.languages if not str(by_language.get(one, "")).strip()]
                if lacking:
                    yield placed.warning(
                        "text_missing",
                        join(path, lacking[0]),
                        f"A text of {placed.title} is missing in: {', '.join(lacking)}.",
                        f"Write it; until then people read the text in “{survey.flow.languages[0]}”.",
                    )
        for path in secret_places(placed.config):
            yield placed.warning(
                "looks_like_secret",
                path,
                f"A setting of {placed.title} looks like a key or password; everybody who sees the flow could read it.",
                "Keep it as a credential, and choose that credential in the step.",
            )


def secret_places(config: Any, path: str = "") -> Iterator[str]:
    """Where in a config something stands that looks like a secret."""
    if isinstance(config, str):
        if _SECRET.search(config) or any(_is_random(word) for word in _WORD.findall(config)):
            yield path
    elif isinstance(config, list):
        for index, entry in enumerate(config):
            yield from secret_places(entry, join(path, index))
    elif isinstance(config, Mapping):
        if _is_secret_header(config):
            yield join(path, "value")
        else:
            for name, entry in config.items():
                yield from secret_places(entry, join(path, name))


def _is_secret_header(row: Mapping[str, Any]) -> bool:
    """A row of a name and a value whose name says what it is, and whose value is written out."""
    name, value = row.get("name"), row.get("value")
    if not isinstance(name, str) or not isinstance(value, str) or "{{" in value:
        return False
    return len(value) >= 6 and set(row) == {"name", "value"} and bool(_SECRET_HEADERS.search(name))


def _is_random(word: str) -> bool:
    kinds = sum(any(test(letter) for letter in word) for test in (str.islower, str.isupper, str.isdigit))
    counts = Counter(word).values()
    return kinds == 3 and -sum(n / len(word) * log2(n / len(word)) for n in counts) > _BITS_OF_CHANCE
