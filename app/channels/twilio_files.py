"""Which of our stored files Twilio takes: known beforehand, so that nobody waits for a callback that says no.

https://www.twilio.com/docs/messaging/guides/accepted-mime-types
"""

from typing import Final

from app.channels.contract import OutgoingMessage, SendFailed
from app.channels.twilio_messages import WHATSAPP

LARGEST_MMS_BYTES: Final = 5_000_000  # of all files of a message together
LARGEST_WHATSAPP_BYTES: Final = 16_000_000
_NEVER: Final = frozenset({"text/plain", "image/avif", "application/octet-stream"})
_WHATSAPP_ONLY: Final = frozenset({"image/webp"})


def refuse_files(outgoing: OutgoingMessage) -> None:
    """Raises: SendFailed naming a stored file that Twilio surely refuses; other files it looks at itself."""
    is_whatsapp = outgoing.sender.startswith(WHATSAPP)
    way, most = ("WhatsApp", LARGEST_WHATSAPP_BYTES) if is_whatsapp else ("MMS", LARGEST_MMS_BYTES)
    stored = [item for item in outgoing.message.media if item.file]
    for item in stored:
        if item.media_type in _NEVER or (item.media_type in _WHATSAPP_ONLY and not is_whatsapp):
            why = f"The file {item.name or item.file} is {item.media_type}, which {way} does not take."
            raise SendFailed("media_not_accepted", why, final=True)
    size = sum(item.size_bytes for item in stored)
    if size > most:
        why = f"The files have {size / 1e6:.1f} MB together, and {way} takes {most / 1e6:g} MB: send smaller ones."
        raise SendFailed("media_too_large", why, final=True)
