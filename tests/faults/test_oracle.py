"""The oracle of the kill run sees what it must see."""

import pytest

from tests.faults.oracle import Key, Taken, Verdict, judge, percentile, recovery_seconds

ANNA, OLGA = "+1", "+2"
WANTED: list[Key] = [(ANNA, 1), (ANNA, 2), (OLGA, 1)]


def sent(*keys: Key) -> list[Taken]:
    return [Taken(float(at), contact, number, f"answer to {number}") for at, (contact, number) in enumerate(keys)]


def verdict(*answers: Key, accepted: list[Key] | None = None, visits: list[dict[str, str]] | None = None) -> Verdict:
    return judge(dict.fromkeys(WANTED if accepted is None else accepted, 0.0), WANTED, sent(*answers), visits or [])


@pytest.mark.parametrize("answers", [[(ANNA, 1), (ANNA, 2), (OLGA, 1)], [(OLGA, 1), (ANNA, 1), (ANNA, 2)]])
def test_every_answer_once_and_in_each_contacts_order_is_clean(answers: list[Key]) -> None:
    assert verdict(*answers).is_clean


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ([(ANNA, 1), (OLGA, 1)], {"lost": [(ANNA, 2)]}),
        ([(ANNA, 1), (ANNA, 2), (ANNA, 1), (OLGA, 1)], {"duplicated": [(ANNA, 1)]}),
        ([(ANNA, 2), (ANNA, 1), (OLGA, 1)], {"out_of_order": [((ANNA, 2), (ANNA, 1))]}),
        ([(ANNA, 1), (ANNA, 2), (OLGA, 1), (OLGA, 7)], {"strange": ["answer to 7"]}),
    ],
)
def test_what_is_wrong_is_named(answers: list[Key], wrong: dict[str, object]) -> None:
    found = verdict(*answers)
    assert not found.is_clean
    assert {name: what for name, what in vars(found).items() if what} == wrong


def test_a_message_that_never_got_its_200_is_refused_and_not_lost() -> None:
    found = verdict((ANNA, 1), (OLGA, 1), accepted=[(ANNA, 1), (OLGA, 1)])
    assert (found.refused, found.lost) == ([(ANNA, 2)], [])


def test_a_visit_that_is_noted_twice_is_named() -> None:
    visit = {"phone": ANNA, "text": "1"}
    assert verdict(*WANTED, visits=[visit, visit]).asked_twice == [(ANNA, 1)]


def test_recovery_counts_from_the_first_kill_after_the_200() -> None:
    accepted = {(ANNA, 1): 10.0, (ANNA, 2): 20.0, (OLGA, 1): 30.0}
    answers = [
        Taken(13.0, ANNA, 1, ""),  # killed at 11 and 12 before its answer
        Taken(20.5, ANNA, 2, ""),  # killed at 19, shortly before its 200
        Taken(30.5, OLGA, 1, ""),  # nobody was killed near it
    ]
    assert recovery_seconds(accepted, answers, [11.0, 12.0, 19.0]) == {(ANNA, 1): 2.0, (ANNA, 2): 0.5}


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 99), percentile([], 50)) == (51.0, 100.0, None)
