"""What the chat's doors refuse."""

import math

from app.web.refusals import Refusal


def no_chat() -> Refusal:
    """No number of that name, or not one of a web chat."""
    return Refusal(
        404, "no_chat", "There is no chat under this address: look at the name in data-number, or ask the site."
    )


def no_token() -> Refusal:
    """No bearer token."""
    return Refusal(401, "token_missing", "This request names no visitor: send the token of /visits as a bearer token.")


def bad_token() -> Refusal:
    """A bearer token that is not valid."""
    return Refusal(401, "token_refused", "This visitor token is not valid any more: begin a new visit.")


def origin_refused() -> Refusal:
    """Another site's page."""
    sentence = "This site may not show the chat: its owner must add the site's address to the allowed sites."
    return Refusal(403, "origin_refused", sentence)


def too_often(waits_seconds: float) -> Refusal:
    """More than a person writes."""
    wait = math.ceil(waits_seconds)
    sentence = "Too many requests came at once: this one was not taken. Try again in a moment."
    return Refusal(429, "too_often", sentence, {"retry_after_seconds": wait}, retry_after_seconds=wait)


def empty() -> Refusal:
    """Nothing to send."""
    return Refusal(400, "empty", "There is nothing in this message: write something, choose an answer or add a file.")


def file_type_refused() -> Refusal:
    """Content that is no picture, PDF or text."""
    sentence = "This kind of file cannot be sent here: send a picture (PNG, JPEG, GIF, WebP), a PDF or a plain text."
    return Refusal(415, "file_type", sentence)


def file_unknown() -> Refusal:
    """A file that this visitor did not send."""
    return Refusal(400, "file_unknown", "This message names a file that you did not send here: send the file again.")
