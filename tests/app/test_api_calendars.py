"""The API's calendars: kept, replaced, switched and asked; refused with a sentence when they would be of no use."""

from datetime import datetime, timedelta
from typing import Any

from app.config import Settings
from app.desk.calendar import DAYS
from app.desk.calendars import calendar_state
from app.desk.queue_state import queue_state
from flows.ask import QueueState
from tests.app.api_client import Api, api
from tests.app.calendars import hours, local, weekly

OFFICE: dict[str, Any] = {
    "title": "The office",
    "zone": "Europe/Warsaw",
    "weekly": weekly("08:00-17:00"),
    "country": "PL",
}
SATURDAY, MONDAY = "2026-11-28T11:00:00Z", "2026-11-30T07:00:00+00:00"


def test_a_calendar_is_kept_as_it_was_written_and_replaced_whole(settings: Settings) -> None:
    with api(settings) as client:
        exceptions = [{"date": "2026-12-24", "title": "Christmas Eve", "hours": hours("08:00-12:00")}]
        made = client.post("/calendars", 201, name="office", **OFFICE, exceptions=exceptions)
        assert (made["zone"], made["country"], made["subdivision"]) == ("Europe/Warsaw", "PL", "")
        assert (made["weekly"], made["exceptions"], made["switch"]) == (OFFICE["weekly"], exceptions, None)
        assert client.get("/calendars/office") == {**made, "now": client.get("/calendars/office")["now"]}
        night = weekly("22:00-06:00+", days=("friday",))
        replaced = client.put("/calendars/office", title="Nights", zone="UTC", weekly=night)
        assert (replaced["title"], replaced["country"], replaced["exceptions"]) == ("Nights", "", [])
        assert [one["name"] for one in client.get("/calendars")["items"]] == ["office"]
        assert client.delete("/calendars/office")["name"] == "office"
        assert client.get("/calendars")["items"] == []
        acts = client.installation.rows("SELECT did, what FROM audit WHERE what LIKE 'office%' ORDER BY id")
        assert acts == [(f"{did}_calendar", "office") for did in ("create", "change", "delete")]


REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({"name": "Office"}, 422, "bad_body", "small letters"),
    ({"zone": "Europe/Nowhere"}, 422, "bad_calendar", "There is no time zone “Europe/Nowhere”"),
    ({"zone": 5}, 422, "bad_body", "text"),
    ({"weekly": {"monday": hours("17:00-08:00")}}, 422, "bad_calendar", "ends before it begins"),
    ({"weekly": {"monday": hours("08:00-12:00", "11:00-17:00")}}, 422, "bad_calendar", "overlap"),
    ({"weekly": {"monday": [{"from": "08:00"}]}}, 422, "bad_body", "“to” in entry 1 of the hours is missing"),
    ({"weekly": {"Monday": []}}, 422, "bad_body", "“Monday” is not a setting of weekly"),
    ({"weekly": []}, 422, "bad_body", "Weekly needs to be a group"),
    ({"country": "XX"}, 422, "bad_calendar", "holidays of “XX” are not known"),
    ({"country": "DE", "subdivision": "CA"}, 422, "bad_calendar", "DE has no subdivision “CA”"),
    ({"exceptions": [{"date": "soon"}]}, 422, "bad_calendar", "“soon” is no date"),
    ({"exceptions": [{"date": "2026-12-24", "open": True}]}, 422, "bad_body", "“open” is not a setting"),
    ({"weekly": {}}, 422, "never_open", "has no open time at all"),
    ({"weekly": {}, "exceptions": [{"date": "2020-05-04", "hours": hours("10:00-12:00")}]}, 422, "never_open", "again"),
]  # fmt: skip


def test_what_makes_no_useful_calendar_is_refused_and_nothing_is_kept(settings: Settings) -> None:
    with api(settings) as client:
        kept = client.post("/calendars", 201, name="kept", **OFFICE)
        for changed, status, code, says in REFUSED:
            refused = client.post("/calendars", status, **{"name": "office", **OFFICE, **changed})
            assert (refused["code"], says in refused["error"]) == (code, True), (changed, refused)
            if "name" not in changed:
                assert client.put("/calendars/kept", status, **{**OFFICE, **changed})["code"] == code
        assert client.post("/calendars", 409, name="kept", **OFFICE)["code"] == "name_taken"
        assert [one["weekly"] for one in client.get("/calendars")["items"]] == [kept["weekly"]]
        for method in ("GET", "DELETE"):
            assert "no calendar “office”" in client.ask(method, "/calendars/office", 404)["error"]


ASKED: list[tuple[str, str, str, str | None, str | None]] = [
    (SATURDAY, "closed", "", MONDAY, "2026-11-30T16:00:00+00:00"),
    ("2026-11-27T10:00:00Z", "open", "", MONDAY, "2026-11-27T16:00:00+00:00"),
    ("2026-11-11T10:00:00Z", "holiday", "National Independence Day", "2026-11-12T07:00:00+00:00", None),
    ("2026-11-28T12:00:00%2B01:00", "closed", "", MONDAY, None),
]


def test_a_calendar_says_what_it_says_at_an_instant_in_the_days_to_come_and_which_countries_there_are(
    settings: Settings,
) -> None:
    with api(settings) as client:
        client.post("/calendars", 201, name="office", **OFFICE)
        for at, state, reason, opening, closing in ASKED:
            said = client.get(f"/calendars/office/state?at={at}&days=0")
            assert (said["state"], said["reason"], said["next_opening_at"]) == (state, reason, opening)
            assert closing in {None, said["next_closing_at"]}
            assert said["days"] == []
        days = client.get("/calendars/office/state?at=2026-12-24T10:00:00Z&days=5")["days"]
        assert [(one["date"], one["day"], one["holiday"]) for one in days] == [
            ("2026-12-24", "thursday", "Christmas Eve"),
            ("2026-12-25", "friday", "Christmas Day"),
            ("2026-12-26", "saturday", "Second Day of Christmas"),
            ("2026-12-27", "sunday", ""),
            ("2026-12-28", "monday", ""),
        ]
        assert [one["hours"] for one in days[:4]] == [[]] * 4
        begins_at, ends_at = "2026-12-28T07:00:00+00:00", "2026-12-28T16:00:00+00:00"
        assert days[4]["hours"] == [{"words": "08:00–17:00", "begins_at": begins_at, "ends_at": ends_at}]
        assert len(client.get("/calendars/office/state")["days"]) == 14
        for bad in ("at=today", "at=2026-11-28", "at=2026-11-28T10:00:00", "at=9999-12-31T23:59:59Z"):
            refused = client.get(f"/calendars/office/state?{bad}", 422)
            assert "needs to be an instant with its zone" in refused["error"]
        assert "62 or less" in client.get("/calendars/office/state?days=63", 422)["error"]
        first = client.get("/holiday-countries?limit=200")
        rest = client.get(f"/holiday-countries?limit=200&after={first['next']}")
        known = {one["country"]: one["subdivisions"] for one in [*first["items"], *rest["items"]]}
        assert rest["next"] is None
        assert ("BY" in known["DE"], "CA" in known["US"], known["PL"] != known["DE"]) == (True, True, True)


def test_the_switch_is_in_force_at_once_everywhere_and_ends_by_itself(settings: Settings) -> None:
    with api(settings) as client:
        always = weekly("00:00-24:00", days=DAYS)
        client.post("/calendars", 201, name="office", title="Always", zone="UTC", weekly=always)
        client.post("/queues", 201, name="vip", title="VIP", calendar="office")
        for body, says in SWITCHES:
            assert says in client.put("/calendars/office/switch", 422, **body)["error"]
        before = client.get("/calendars/office")
        assert (before["switch"], before["now"]["state"]) == (None, "open")
        now = client.get("/calendars/office/state")["at"]
        ends = (datetime.fromisoformat(now) + timedelta(minutes=30)).isoformat()
        shown = client.put("/calendars/office/switch", to="closed", until=ends, note="Burst pipe")
        assert (shown["switch"]["to"], shown["switch"]["until"], shown["now"]["reason"]) == (
            "closed",
            ends,
            "Burst pipe",
        )
        assert (shown["now"]["state"], shown["now"]["next_opening_at"]) == ("closed", ends)
        assert not is_open(client)
        client.installation.move_clock(1_801)
        assert client.get("/calendars/office")["now"]["state"] == "open"
        assert is_open(client)
        assert client.put("/calendars/office/switch", to="holiday")["now"]["state"] == "holiday"
        assert not is_open(client)
        replaced = client.put("/calendars/office", title="Still always", zone="UTC", weekly=always)
        assert replaced["now"]["state"] == "holiday"
        assert client.put("/calendars/office/switch", to="timetable")["switch"] is None
        assert is_open(client)
        acts = client.installation.rows("SELECT what FROM audit WHERE did = 'switch_calendar' ORDER BY id")
        assert [what for (what,) in acts] == ["office: closed", "office: holiday", "office: timetable"]


def is_open(client: Api) -> bool:
    """Whether the queue `vip` would let a conversation in."""
    with client.installation.house.database.reading() as session:
        return queue_state(session, QueueState("vip")).is_open


SWITCHES: list[tuple[dict[str, Any], str]] = [
    ({"to": "closed", "until": "2020-01-01T00:00:00Z"}, "end in the past"),
    ({"to": "closed", "until": "tomorrow"}, "an instant with its zone"),
    ({"to": "timetable", "until": "2199-01-01T00:00:00Z"}, "has no end"),
    ({"to": "ajar"}, "timetable"),
    ({}, "“to” is missing"),
]


def test_a_queue_keeps_its_calendar_by_name_and_knows_its_hours(settings: Settings) -> None:
    with api(settings) as client:
        client.post("/calendars", 201, name="office", **OFFICE)
        assert client.post("/queues", 201, name="vip", title="VIP")["calendar"] == ""
        assert "no calendar “night”" in client.patch("/queues/vip", 404, calendar="night")["error"]
        assert client.patch("/queues/vip", calendar="office")["calendar"] == "office"
        assert {one["name"]: one["calendar"] for one in client.get("/queues")["items"]}["vip"] == "office"
        saturday, friday = local("2026-11-28 12:00"), local("2026-11-27 12:00")
        with client.installation.house.database.reading() as session:
            closed = queue_state(session, QueueState("vip", saturday))
            assert (closed.exists, closed.is_open, closed.next_opening_at) == (True, False, local("2026-11-30 08:00"))
            assert queue_state(session, QueueState("vip", friday)).is_open
            assert queue_state(session, QueueState("gold", saturday)).is_open
            assert not calendar_state(session, "nowhere", saturday).exists
        used = client.delete("/calendars/office", 409)
        assert (used["code"], used["details"]) == ("in_use", {"queues": ["vip"], "flows": []})
        assert client.patch("/queues/vip", calendar="")["calendar"] == ""
        client.delete("/calendars/office")


TRIGGER: dict[str, Any] = {"numbers": ["web-chat"], "match": "keywords", "keywords": ["hours"]}
WAYS = dict.fromkeys(("open", "closed", "holiday"), "end")
HOURS_FLOW: dict[str, Any] = {
    "format": 1,
    "name": "Hours",
    "languages": ["en"],
    "steps": {
        "in": {"type": "incoming_message", "config": TRIGGER, "exits": {"next": "it"}},
        "it": {"type": "opening_hours", "config": {"calendar": "office"}, "exits": WAYS},
    },
}


def test_a_calendar_that_a_flow_names_must_be_there_and_stays(settings: Settings) -> None:
    with api(settings) as client:
        client.post("/flows", 201, document=HOURS_FLOW)
        found = client.post("/flows/Hours/check")["findings"]
        assert [one["sentence"] for one in found if one["code"] == "missing_reference"] == [
            "“it” uses the calendar “office”, and this installation has none of that name."
        ]
        client.post("/calendars", 201, name="office", **OFFICE)
        assert not any(one["code"] == "missing_reference" for one in client.post("/flows/Hours/check")["findings"])
        used = client.delete("/calendars/office", 409)
        assert used["details"]["flows"] == ["Hours"]
        assert used["error"] == "The calendar “office” is used by the flow “Hours”: choose another one there first."
