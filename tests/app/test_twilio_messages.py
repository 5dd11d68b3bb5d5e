"""Twilio's messages as arrivals and reports."""

from typing import Any

import pytest

from app.channels.arrival import Arrival, Report
from app.channels.contract import Unreadable
from app.channels.registry import channel_of
from flows.event import Attachment, MessageReceived
from tests.twilio_house import OURS, THEIRS, connection, message, webhook

TWILIO = channel_of("twilio")


def arrival(**fields: str) -> Arrival:
    (found,) = TWILIO.parse(connection(), webhook("messages", message(**fields)))
    assert isinstance(found, Arrival)
    return found


def test_an_sms_is_an_arrival_on_its_number() -> None:
    assert arrival(Body="cześć 🙂") == Arrival(
        provider_id="SM1", happened=MessageReceived("cześć 🙂"), address=THEIRS, number=OURS
    )


def test_a_whatsapp_message_comes_from_the_same_contact_on_a_number_of_its_own() -> None:
    found = arrival(From=f"whatsapp:{THEIRS}", To=f"whatsapp:{OURS}", ProfileName="Ala")
    assert (found.address_kind, found.address, found.number) == ("phone", THEIRS, f"whatsapp:{OURS}")
    assert found.contact_name == "Ala"


@pytest.mark.parametrize(
    ("said", "kind", "value"),
    [
        ("+48600100200", "phone", "+48600100200"),
        ("600 100 200", "phone", "+48600100200"),
        ("0048600100200", "phone", "+48600100200"),
        ("+14155550100", "phone", "+14155550100"),
        ("71234", "sender", "71234"),
        ("MYBANK", "sender", "MYBANK"),
        ("+123", "sender", "+123"),
    ],
)
def test_senders_are_normalised_in_our_number_s_country(said: str, kind: str, value: str) -> None:
    found = arrival(From=said)
    assert (found.address_kind, found.address) == (kind, value)


@pytest.mark.parametrize(
    ("fields", "text", "choice"),
    [
        ({"Body": "Yes", "ButtonText": "Yes", "ButtonPayload": "yes"}, "Yes", "yes"),
        ({"Body": "", "ButtonText": "Tak", "ButtonPayload": "yes"}, "Tak", "yes"),
        ({"Body": "", "ListId": "row_2", "ListTitle": "Second"}, "Second", "row_2"),
        ({"Body": ""}, "", ""),
        ({"Body": "", "Latitude": "52.2297", "Longitude": "21.0122", "Label": "Home"}, "geo:52.2297,21.0122", ""),
        ({"Body": "here", "Latitude": "52.2297", "Longitude": "21.0122"}, "here", ""),
        ({"Body": "", "Latitude": "52.2297"}, "", ""),
    ],
)
def test_a_pressed_button_is_a_choice_and_a_shared_place_its_address(
    fields: dict[str, str], text: str, choice: str
) -> None:
    assert arrival(**fields).happened == MessageReceived(text, choice=choice)


def test_media_keep_type_and_address_and_what_is_not_accepted_is_noted() -> None:
    fields = {
        "NumMedia": "3",
        "MediaUrl0": "https://api.twilio.com/m/0",
        "MediaContentType0": "image/JPEG",
        "MediaUrl1": "https://api.twilio.com/m/1",
        "MediaContentType1": "application/x-msdownload",
        "MediaUrl2": "file:///etc/passwd",
        "MediaContentType2": "image/png",
    }
    happened = arrival(Body="look", **fields).happened
    assert happened == MessageReceived(
        "look",
        media=(
            Attachment("image/jpeg", url="https://api.twilio.com/m/0"),
            Attachment("application/x-msdownload", name="not accepted: application/x-msdownload"),
            Attachment("image/png", name="not accepted: image/png"),
        ),
    )


@pytest.mark.parametrize("count", ["-1", "1e3", "999999999999", "²", ""])
def test_a_strange_count_of_media_costs_nothing(count: str) -> None:
    happened = arrival(NumMedia=count).happened
    assert isinstance(happened, MessageReceived)
    assert len(happened.media) <= 10


@pytest.mark.parametrize("missing", ["MessageSid", "From", "To"])
def test_a_form_without_a_needed_field_is_unreadable(missing: str) -> None:
    form = message()
    del form[missing]
    with pytest.raises(Unreadable, match=missing):
        TWILIO.parse(connection(), webhook("messages", form))


def test_an_id_longer_than_any_provider_s_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="1 to 128"):
        arrival(sid="S" * 129)


STATES = [
    ("accepted", 1),
    ("scheduled", 1),
    ("queued", 1),
    ("sending", 2),
    ("sent", 4),
    ("failed", 5),
    ("undelivered", 5),
    ("canceled", 5),
    ("delivered", 6),
    ("read", 7),
]


@pytest.mark.parametrize(("word", "rank"), STATES)
@pytest.mark.parametrize("path", ["messages/status", "messages", "calls/status"])
def test_a_status_callback_is_a_report_wherever_it_was_sent(path: str, word: str, rank: int) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": word, "To": THEIRS, "From": OURS}
    (report,) = TWILIO.parse(connection(), webhook(path, form, [("effect", "42")]))
    assert isinstance(report, Report)
    assert (report.provider_id, report.kind) == (f"SM1:{word}", "message_status")
    assert (report.effect_id, report.about_provider_id) == (42, "SM1")
    assert report.happened["rank"] == rank  # type: ignore[index]  # a message_status carries plain data
    assert report.happened["provider_id"] == "SM1"  # type: ignore[index]  # as above


@pytest.mark.parametrize("word", ["receiving", "received", "partially_delivered", ""])
def test_words_that_say_nothing_about_a_message_of_ours_are_ignored(word: str) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": word}
    assert TWILIO.parse(connection(), webhook("messages/status", form)) == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("30006", "invalid_recipient"),
        ("21610", "opted_out"),
        ("63016", "outside_24h_window"),
        ("30007", "provider_code"),
    ],
)
def test_a_failed_message_says_why(code: str, kind: str) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": code, "ErrorMessage": "no <b>luck</b>"}
    (report,) = TWILIO.parse(connection(), webhook("messages/status", form))
    assert isinstance(report, Report)
    happened: Any = report.happened
    assert happened["error_kind"] == kind
    assert code in happened["error"]
    assert report.effect_id == 0


def test_an_unknown_path_names_the_known_ones() -> None:
    with pytest.raises(Unreadable, match="calls/fallback"):
        TWILIO.parse(connection(), webhook("fax", message()))
