"""Which dictionaries are read before the first message needs them."""

import pytest

from app import warming
from tests.app.drawn import drawn, placed, sends, starts_with
from tests.app.house import Runtime


def words(mode: str, language: str = "") -> dict[str, object]:
    row = {"id": "hit", "any": ["drukarka"], "mode": mode, "language": language}
    return placed("keyword_route", {"rows": [row]}, hit="end", otherwise="end")


def test_live_flows_and_those_they_run_have_their_dictionaries_ready(
    room: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(warming, "prepare_language", read.append)
    begin = placed("called_by_flow", {}, next="route")
    room.publish(drawn("Called", {"begin": begin, "route": words("inflected", "de")}))
    room.publish(drawn("Called", {"begin": begin, "route": words("inflected", "pl")}))
    room.publish(drawn("Live", {"in": starts_with("keys", "route"), "route": words("phrase", "ru")}))
    room.publish(drawn("Old", {"in": starts_with("neither", "route"), "route": words("inflected", "fr")}))
    room.publish(drawn("Old", {"in": starts_with("neither", "say"), "say": sends("hi")}))
    warming.warm(room.house.database)
    assert read == ["en", "pl"]
