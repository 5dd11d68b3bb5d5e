"""The simulated connection: Twilio's webhooks with a secret of its own; what it sends is only recorded."""

import hashlib
import io
import wave
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from app.channels.carrier_numbers import CarrierPage
from app.channels.checks import Check, OwnNumber, check_secrets
from app.channels.contract import ConnectionInfo, FetchFailed, Http, OutgoingMessage, SendPolicy, Sent
from app.channels.twilio import COUNTRY, Twilio
from app.outgoing import OutgoingAnswer

RECORDING: Final = "simulated:recording/"  # and its length in seconds
_SAMPLES_PER_SECOND: Final = 8_000  # as a telephone's


class Simulated(Twilio):
    """Numbers without a provider: `patchbay call` and tests play the carrier. A sent message is only recorded."""

    kind: ClassVar[str] = "simulated"
    title: ClassVar[str] = "Simulated"
    policy: ClassVar[SendPolicy] = SendPolicy(key_lifetime_seconds=100 * 365 * 86_400)  # `send` is a pure function
    secret_fields: ClassVar[tuple[str, ...]] = ("secret",)
    signing_field: ClassVar[str] = "secret"
    confirms_opt_out: ClassVar[bool] = False
    usual_rates: ClassVar[Mapping[str, float]] = {}
    lists_numbers: ClassVar[bool] = False
    settings_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"country": COUNTRY},
    }

    def policy_of(self, connection: ConnectionInfo) -> SendPolicy:
        """The same for all."""
        return self.policy

    def send(self, connection: ConnectionInfo, outgoing: OutgoingMessage, http: Http) -> Sent:
        """A made-up id at once, always the same one for the same effect."""
        return Sent(provider_id=f"SM{hashlib.sha256(outgoing.key.encode()).hexdigest()[:32]}")

    def look_up(
        self,
        connection: ConnectionInfo,
        outgoing: OutgoingMessage,
        sending_at: datetime,
        owned: frozenset[str],
        http: Http,
    ) -> Sent | None:
        """What `send` would have answered."""
        return self.send(connection, outgoing, http)

    def fetch_file(self, connection: ConnectionInfo, address: str, http: Http) -> OutgoingAnswer:
        """A recording that the telephone in the terminal made up is as long as it said, and silent."""
        seconds = address.removeprefix(RECORDING)
        if seconds == address or not seconds.isdecimal() or len(seconds) > 3:
            return super().fetch_file(connection, address, http)
        return OutgoingAnswer(200, {}, silence(int(seconds)), 0.0, address)

    def webhook_addresses(self, connection: ConnectionInfo) -> Mapping[str, str]:
        """None: there is no carrier whose settings could name them."""
        return {}

    def carrier_numbers(self, connection: ConnectionInfo, after: str, most: int, http: Http) -> CarrierPage:
        """None: there is no carrier."""
        raise FetchFailed("Simulated numbers have no carrier: enter any.")

    def checks(self, connection: ConnectionInfo, numbers: Sequence[OwnNumber], http: Http) -> Iterator[Check]:
        """Only the secret: nobody else takes part."""
        yield check_secrets(self.secret_fields, connection.secrets)


def silence(seconds: int) -> bytes:
    """A WAV file in which nothing is heard."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_SAMPLES_PER_SECOND)
        sound.writeframes(bytes(2 * _SAMPLES_PER_SECOND * seconds))
    return buffer.getvalue()
