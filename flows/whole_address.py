"""Addresses an author gives: put together from parts, or held whole by one variable."""

from flows.context import Context
from flows.errors import FlowError
from flows.expression import Template


class NotWhole(FlowError):
    """An address that does not begin as it must, or has spaces in it."""


def whole_address(context: Context, source: str, *, schemes: tuple[str, ...] = ("http://", "https://")) -> str:
    """The address a template stands for, beginning with one of the schemes.

    In `https://api.example.com/customers/{{ contact.phone }}` each value is percent-encoded as one segment, so that it
    cannot lead elsewhere. A template that is one lone `{{ invoice.url }}` is a whole address and taken as it is.

    Raises: NotWhole; ExpressionError, when a value is missing; TooLarge.
    """
    lone = Template.compile(source).is_lone_expression
    address = (context.strict_text(source) if lone else context.address(source)).strip()
    if not address.lower().startswith(schemes) or any(character.isspace() for character in address):
        known = " or ".join(schemes)
        raise NotWhole(f"The address “{address[:100]}” is not a whole one; it needs to begin with {known}.")
    return address
