"""How often a visitor may come."""

from app.web.rates import Rates


def test_a_burst_is_let_in_and_then_the_rate_counts() -> None:
    rates = Rates(per_second=2, burst=3)
    assert [rates.take("a", 10.0) for _ in range(3)] == [0, 0, 0]
    assert rates.take("a", 10.0) == 0.5
    assert rates.take("a", 10.5) == 0
    assert rates.take("a", 10.5) == 0.5
    assert rates.take("b", 10.5) == 0


def test_a_long_pause_fills_the_bucket_only_to_its_burst() -> None:
    rates = Rates(per_second=1, burst=2)
    rates.take("a", 0.0)
    assert [rates.take("a", 1_000.0) for _ in range(3)] == [0, 0, 1]


def test_made_up_names_do_not_fill_the_memory() -> None:
    rates = Rates(per_second=1, burst=2, names=100)
    for n in range(1_000):
        rates.take(str(n), 0.0)
    assert len(rates._levels) == 100
