"""What the steps that send messages share: the fields of a message, putting one together, and how sending fails."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.context import Context
from flows.effect import Choice, SendMessage
from flows.event import Attachment, MessageFailed
from flows.form import Schema, address, advanced, named, record, rows, seconds, template, text
from flows.step import Take, fail
from flows.whole_address import NotWhole, whole_address

SEND_ERRORS: Mapping[str, str] = {
    "opted_out": "The contact asked not to be written to any more.",
    "outside_24h_window": "The provider wants one of its templates, because the contact has not written for 24 hours.",
    "bounced": "The message came back: the recipient's mail server refused it.",
    "invalid_recipient": "The contact has no address for this number, or the provider knows no such recipient.",
    "channel_disconnected": "There is no such number, it sends no messages, or its connection is turned off.",
    "media_too_large": "A file is larger than the provider takes.",
    "media_not_accepted": "The provider does not take a file of this kind.",
    "media_unreachable": "A file's address is not a whole one beginning with http:// or https://, or it is not stored.",
    "send_timeout": "The provider did not take the message in time; it was cancelled.",
    "provider_code": "The provider refused the message for a reason of its own, told in the error's message.",
    "empty_text": "Nothing is left of the text once its values are filled in, and no file goes with it.",
}

SEND_TIMEOUT: Schema = advanced(
    seconds(
        "Time to be taken",
        "A message the provider has not taken by then is cancelled and the step fails.",
        minimum=10,
        maximum=86_400,
        default=600,
    )
)

MEDIA_TYPE = r"^[a-z]+/[A-Za-z0-9][A-Za-z0-9.+-]{0,100}$"

MEDIA: Schema = advanced(
    rows(
        "Files",
        "Pictures, sounds or documents that go with the text.",
        record(
            {
                "url": address("Address", "Where the provider fetches the file, such as https://example.com/map.png."),
                "file": named("file", "Stored file", "Instead of an address: a file that was uploaded, by its sha256."),
                "media_type": text(
                    "Kind of file",
                    "The file's media type, such as image/png or application/pdf.",
                    pattern=MEDIA_TYPE,
                    says="a media type such as image/png",
                ),
                "name": text("Name", "The file's name as the contact sees it.", default=""),
            },
            required=["media_type"],
            exactly_one_of=["url", "file"],
        ),
        maximum=10,
    )
)
PROVIDER_TEMPLATE: Schema = advanced(
    record(
        {
            "name": text("Name", "The template's name or id at the provider."),
            "language": text("Language", "The template's language code; empty means the text's language.", default=""),
            "variables": rows(
                "Values",
                "What stands in the template's gaps.",
                record(
                    {
                        "name": text("Gap", "The gap's name or number in the template, such as 1."),
                        "value": template("Value", "What stands there."),
                    },
                    required=["name", "value"],
                ),
                maximum=50,
            ),
        },
        required=["name"],
        title="Provider's template",
        help_text="A template the provider has approved, needed on WhatsApp 24 hours after the contact's last message.",
    )
)


def compose(
    context: Context, config: Mapping[str, Any], texts: Mapping[str, str], choices: Sequence[Choice], number: str
) -> SendMessage | Take:
    """The message that a config with the fields above describes, with `texts` in the contact's language, by this number
    of ours; or the failure of one that cannot be sent.

    Raises: ExpressionError (a file's address or a template's value is missing), TooLarge.
    """
    approved = config.get("template", {})
    try:
        media = tuple(_attachment(context, row) for row in config.get("media", ()))
    except NotWhole as problem:
        return fail("media_unreachable", str(problem))
    message = SendMessage(
        text=context.localised(texts).strip() if texts else "",
        media=media,
        choices=tuple(choices),
        number=number,
        template=approved.get("name", ""),
        template_variables={row["name"]: context.strict_text(row["value"]) for row in approved.get("variables", ())},
        language=approved.get("language") or context.language,
    )
    if message.text or message.media or message.template:
        return message
    return fail("empty_text", f"{SEND_ERRORS['empty_text']} Give the values a default or add fixed words.")


def _attachment(context: Context, row: Mapping[str, Any]) -> Attachment:
    media_type, name = row["media_type"], row.get("name", "")
    if "file" in row:
        return Attachment(media_type, name, file=row["file"])
    return Attachment(media_type, name, url=whole_address(context, row["url"]))


def refused(happened: MessageFailed) -> Take:
    """The failure of a step whose message failed for good; a kind nobody knows is the provider's own."""
    if happened.kind in SEND_ERRORS:
        return fail(happened.kind, happened.message or SEND_ERRORS[happened.kind])
    told = f"{happened.kind}: {happened.message}" if happened.message else happened.kind
    return fail("provider_code", f"The provider refused the message ({told}).", why={"provider_kind": happened.kind})
