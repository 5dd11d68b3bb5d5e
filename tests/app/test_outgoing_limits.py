"""Breaker, cache and slots: what keeps one bad host from hurting the others."""

import threading

import pytest

from app.outgoing import AnswerCache, BreakerLimits, CircuitBreaker, HostSlots, OutgoingAnswer, cache_key

CRM, SHOP = "https://crm.example.com", "https://shop.example.com"


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def breaker(clock: Clock, **limits: float) -> CircuitBreaker:
    return CircuitBreaker(BreakerLimits(failures=3, **limits), clock)  # type: ignore[arg-type]  # whole numbers where they must be


def test_the_breaker_opens_after_failures_in_a_row_and_only_for_that_origin(clock: Clock) -> None:
    circuits = breaker(clock)
    for allowed in (True, True, True, False):
        assert circuits.allows(CRM) is allowed
        circuits.failed(CRM)
    assert (circuits.state(CRM), circuits.state(SHOP), circuits.allows(SHOP)) == ("open", "closed", True)
    assert circuits.not_closed() == (CRM,)


def test_one_success_starts_the_count_anew(clock: Clock) -> None:
    circuits = breaker(clock)
    for _ in range(5):
        circuits.failed(CRM)
        circuits.failed(CRM)
        circuits.succeeded(CRM)
    assert circuits.state(CRM) == "closed"


def test_failures_far_apart_do_not_open_it(clock: Clock) -> None:
    circuits = breaker(clock)
    for _ in range(10):
        circuits.failed(CRM)
        clock.seconds += 31
    assert circuits.state(CRM) == "closed"


def test_half_open_lets_one_probe_through(clock: Clock) -> None:
    circuits = breaker(clock)
    for _ in range(3):
        circuits.failed(CRM)
    clock.seconds += 14.9
    assert not circuits.allows(CRM)
    clock.seconds += 0.1
    assert circuits.state(CRM) == "half_open"
    assert [circuits.allows(CRM) for _ in range(3)] == [True, False, False]
    circuits.failed(CRM)
    assert (circuits.state(CRM), circuits.allows(CRM)) == ("open", False)
    clock.seconds += 15
    assert circuits.allows(CRM)
    circuits.succeeded(CRM)
    assert (circuits.state(CRM), circuits.allows(CRM), circuits.allows(CRM)) == ("closed", True, True)


def test_a_probe_that_never_reports_is_followed_by_another(clock: Clock) -> None:
    circuits = breaker(clock)
    for _ in range(3):
        circuits.failed(CRM)
    clock.seconds += 15
    assert circuits.allows(CRM)
    assert not circuits.allows(CRM)
    clock.seconds += 15
    assert circuits.allows(CRM)


def test_invented_origins_do_not_fill_the_memory(clock: Clock) -> None:
    circuits = breaker(clock, origins=10)
    for number in range(100):
        for _ in range(3):
            circuits.failed(f"https://{number}.example.com")
    assert len(circuits.not_closed()) == 10


def answer(body: bytes = b"gold") -> OutgoingAnswer:
    return OutgoingAnswer(200, {"content-type": "text/plain"}, body, 0.1, CRM)


def test_an_answer_is_kept_for_its_time_only(clock: Clock) -> None:
    cache = AnswerCache(clock=clock)
    cache.put("a", answer(), 10)
    cache.put("b", answer(), 0)
    clock.seconds += 9.9
    assert (cache.get("a"), cache.get("b")) == (answer(), None)
    clock.seconds += 0.1
    assert cache.get("a") is None


def test_the_longest_unused_answers_go_first_and_large_ones_are_not_kept(clock: Clock) -> None:
    cache = AnswerCache(maximum_bytes=100_000, clock=clock)
    for number in range(10):
        cache.put(str(number), answer(b"x" * 9_000), 60)
        cache.get("0")
    cache.put("10", answer(b"x" * 9_000), 60)
    cache.put("large", answer(b"x" * 100_000), 60)
    assert [key for key in (*map(str, range(11)), "large") if cache.get(key) is None] == ["1", "large"]
    cache.put("0", answer(b"x" * 5), 60)  # replaced, not added
    assert cache._bytes == sum(entry[1] for entry in cache._answers.values())


KEYS = [
    ("GET", CRM, {"A": "1"}, "crm"),
    ("HEAD", CRM, {"A": "1"}, "crm"),
    ("GET", CRM + "/b", {"A": "1"}, "crm"),
    ("GET", CRM, {"A": "2"}, "crm"),
    ("GET", CRM, {"A": "1"}, "other"),
    ("GET", CRM, {"A": "1"}, None),
    ("GET", CRM, {}, None),
]


def test_only_equal_requests_share_an_answer() -> None:
    assert len({cache_key(*row) for row in KEYS}) == len(KEYS)
    assert cache_key("GET", CRM, {"a": "1", "B": "2"}, "crm") == cache_key("GET", CRM, {"b": "2", "A": "1"}, "crm")
    assert "example" not in cache_key(*KEYS[0])


def test_a_host_has_so_many_slots_and_no_more() -> None:
    slots = HostSlots(2)
    assert [slots.try_take("crm") for _ in range(3)] == [True, True, False]
    assert slots.try_take("shop")
    slots.release("crm")
    assert [slots.try_take("crm"), slots.try_take("crm")] == [True, False]
    for host in ("crm", "crm", "shop"):
        slots.release(host)
    assert not slots._taken


def test_slots_hold_under_many_threads() -> None:
    slots, most, inside = HostSlots(3), [0], [0]
    lock = threading.Lock()

    def run() -> None:
        for _ in range(300):
            if slots.try_take("crm"):
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                with lock:
                    inside[0] -= 1
                slots.release("crm")

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most[0] <= 3
    assert not slots._taken
