"""Keyword matching holds the worked examples of the specification, and a large table costs as a small one."""

import random
import time
import unicodedata

import pytest

from flows.phrases import (
    MAXIMUM_PATTERNS,
    Mode,
    PatternError,
    PatternTimeout,
    Phrase,
    PhraseError,
    PhraseRow,
    PhraseTable,
    contains_phrase,
)

SUPPORT = [
    "Nie działa!",
    "NIE DZIAŁA drukarka",
    "nie\u00a0 działa",
    "nie\ndziała",
    "„nie działa”",
    unicodedata.normalize("NFD", "„nie działa”"),
    "Drukarka nie działa!",
    "no i... nie — działa?",
    "nie\tdziała",
    "Nie\u2003działa",
    "nie_działa",
    "nie dzia\u00adła",
    "\ufeffnie działa\u200d",
    "nie\u200bdziała",
    "nie dziala",
    "NIE DZIALA",
]


@pytest.mark.parametrize("text", SUPPORT, ids=ascii)
def test_a_phrase_is_found_however_it_is_written(text: str) -> None:
    assert contains_phrase(text, "nie działa", language="pl")
    assert contains_phrase(text, unicodedata.normalize("NFD", "Nie działa."), language="pl")


@pytest.mark.parametrize("text", ["drukarka niedziała", "działa", "nie zawsze działa", "", "!?", "nie", "nie działało"])
def test_the_phrase_is_not_found_where_its_words_do_not_stand_side_by_side(text: str) -> None:
    assert not contains_phrase(text, "nie działa", language="pl")


ROWS: list[tuple[str, str, Mode, str, bool]] = [
    # phrase, text, mode, language, found
    ("nie działa", "nie działają", "phrase", "pl", False),
    ("nie działa", "nie działają", "inflected", "pl", True),
    ("nie działa", "drukarki nie działały", "inflected", "pl-PL", True),
    ("nie działa", "NIE DZIAŁAŁO", "inflected", "pl", True),
    ("nie działa", "nie dziala", "inflected", "pl", True),
    ("nie działa", "nie zawsze działa", "inflected", "pl", False),
    ("drukarka", "mam dwie drukarki", "inflected", "pl", True),
    ("drukarki", "Drukarkę oddałem", "inflected", "pl", True),
    ("drukarka", "mam dwie drukarki", "word", "pl", False),
    ("printer is broken", "The printers are broken", "inflected", "en", True),
    ("принтер не работает", "принтеры не работали", "inflected", "ru", True),
    ("Drucker", "meine Druckern gehen nicht", "inflected", "de", True),
    ("tulostin", "tulostin", "inflected", "no-such-language", True),
    ("tulostin", "tulostimet", "inflected", "xx", False),
    ("drukar", "moja drukarka", "prefix", "pl", True),
    ("nie dział", "nie działają", "prefix", "pl", True),
    ("nie dział", "niebo działa", "prefix", "pl", False),
    ("drukar", "nadrukarka", "prefix", "pl", False),
    ("nie działa", "działa, ale nie zawsze", "word", "pl", True),
    ("nie działa", "nie działają", "word", "pl", False),
    ("nie nie", "nie", "word", "pl", True),
    (r"nie\s+dzia\w+", "Nie   DZIAŁAJĄ", "pattern", "pl", True),
    (r"^\d{4}$", " 1234 ", "pattern", "pl", True),
    (r"^\d{4}$", "12345", "pattern", "pl", False),
    ("don't", "I DON’T know", "phrase", "en", True),
    ("e-mail", "my e mail", "phrase", "en", True),
    ("straße", "STRASSE 5", "phrase", "de", True),
    ("👍", "ok 👍🏽!", "phrase", "en", True),
    ("👍", "👍👍", "phrase", "en", True),
    ("5 €", "kostet 5€", "phrase", "de", True),
    ("c++", "I write C++.", "phrase", "en", True),
    ("c++", "I write C.", "phrase", "en", False),
    ("打印机", "我的打印机坏了", "phrase", "zh", True),
    ("打机", "我的打印机坏了", "phrase", "zh", False),
    ("เครื่อง", "ซ่อมเครื่องพิมพ์", "phrase", "th", True),
    ("٣", "رقم ٣", "phrase", "ar", True),
    ("كتاب", "كِتَاب", "phrase", "ar", True),
    ("हिन्दी", "मुझे हिन्दी आती है", "phrase", "hi", True),
    ("हिन्दी", "हन्द", "phrase", "hi", False),
    ("", "anything", "phrase", "en", False),
    ("!!", "!!", "phrase", "en", False),
    ("", "", "word", "en", False),
    ("...", "x", "prefix", "en", False),
]


@pytest.mark.parametrize(("phrase", "text", "mode", "language", "found"), ROWS)
def test_a_phrase_is_found_after_its_mode(phrase: str, text: str, mode: Mode, language: str, found: bool) -> None:
    assert contains_phrase(text, phrase, mode, language) is found


MARKS = [
    # phrase, text, found with folding, found without
    ("łódź", "lodz", True, False),
    ("lodz", "ŁÓDŹ", True, False),
    ("zażółć gęślą jaźń", "zazolc gesla jazn", True, False),
    ("й", "и", False, False),
    ("мой", "мои", False, False),
    ("ещё", "еще", True, False),
    ("еще", "ЕЩЁ", True, False),
    ("замок", "за\u0301мок", True, False),
    ("їжак", "іжак", False, False),
    ("café", "cafe\u0301", True, True),
    ("straße", "strasse", True, True),
    ("smørrebrød", "smorrebrod", True, False),
    ("œuvre", "oeuvre", True, False),
    ("Αθήνα", "αθηνα", True, False),
    ("việt", "viet", True, False),
    ("İstanbul", "istanbul", True, False),
]


@pytest.mark.parametrize(("phrase", "text", "folded", "marked"), MARKS)
def test_marks_are_left_out_on_wish_only(phrase: str, text: str, folded: bool, marked: bool) -> None:
    assert contains_phrase(text, phrase) is folded
    assert contains_phrase(text, phrase, fold_diacritics=False) is marked
    assert contains_phrase(phrase, text) is folded


def row(id: str, *phrases: str) -> PhraseRow:
    return PhraseRow(id, any_of=tuple(Phrase(phrase) for phrase in phrases))


def test_of_two_rows_that_match_the_first_wins_and_its_hit_is_recorded() -> None:
    rows = [
        row("1", "faktura"),
        row("2", "reklamacja", "nie działa"),
        row("3", "x"),
        row("4", "y"),
        row("5", "drukarka"),
    ]
    table = PhraseTable.compile(rows)
    text = "Moja drukarka  „nie\ndziała”!"
    found = table.match(text, "pl")
    assert found is not None
    assert found.row == "2"
    (hit,) = found.hits
    assert hit.phrase == Phrase("nie działa")
    assert text[hit.start : hit.end] == "nie\ndziała"
    assert [match.row for match in table.matches(text, "pl")] == ["2", "5"]
    assert table.match("nic takiego", "pl") is None
    assert table.match("", "pl") is None


PLACES: list[tuple[Phrase, str, str]] = [
    (Phrase("a b"), "x a, b a b", "a, b"),
    (Phrase("drukar", "prefix"), "moja DRUKARKA!", "DRUKARKA"),
    (Phrase("działa nie", "word"), "działa i nie", "działa"),
    (Phrase("nie działa", "inflected"), "one nie działają już", "nie działają"),
    (Phrase(r"\d+", "pattern"), "  nr 123.", "123"),
    (Phrase("koniec"), "to koniec", "koniec"),
    (Phrase("zażółć"), unicodedata.normalize("NFD", "a zażółć b"), unicodedata.normalize("NFD", "zażółć")),
]


@pytest.mark.parametrize(("phrase", "text", "part"), PLACES)
def test_a_hit_says_where(phrase: Phrase, text: str, part: str) -> None:
    found = PhraseTable.compile([PhraseRow("r", any_of=(phrase,))]).match(text, "pl")
    assert found is not None
    assert text[found.hits[0].start : found.hits[0].end] == part


A, B, C = Phrase("a"), Phrase("b"), Phrase("c")
GROUPS: list[tuple[PhraseRow, str, bool]] = [
    (PhraseRow("r", any_of=(A, B)), "b", True),
    (PhraseRow("r", any_of=(A, B)), "c", False),
    (PhraseRow("r", all_of=(A, B)), "b a", True),
    (PhraseRow("r", all_of=(A, B)), "b", False),
    (PhraseRow("r", none_of=(A, B)), "c", True),
    (PhraseRow("r", none_of=(A, B)), "", True),
    (PhraseRow("r", none_of=(A, B)), "c b", False),
    (PhraseRow("r", any_of=(A,), none_of=(B,)), "a", True),
    (PhraseRow("r", any_of=(A,), none_of=(B,)), "a b", False),
    (PhraseRow("r", any_of=(A,), none_of=(B,)), "c", False),
    (PhraseRow("r", any_of=(A, B), all_of=(C,)), "c b", True),
    (PhraseRow("r", any_of=(A, B), all_of=(C,)), "c", False),
    (PhraseRow("r", any_of=(A, B), all_of=(C,)), "a b", False),
]


@pytest.mark.parametrize(("group", "text", "matches"), GROUPS)
def test_groups_of_any_all_and_none(group: PhraseRow, text: str, matches: bool) -> None:
    table = PhraseTable.compile([group])
    assert (table.match(text) is not None) is matches


def test_a_phrase_with_a_language_of_its_own_is_inflected_in_that_language() -> None:
    polish = PhraseTable.compile([PhraseRow("r", any_of=(Phrase("drukarka", "inflected", language="pl"),))])
    assert polish.match("dwie drukarki", "en") is not None
    open_table = PhraseTable.compile(
        [PhraseRow("r", any_of=(Phrase("drukarka", "inflected"),))], languages=["pl", "en"]
    )
    assert open_table.match("dwie drukarki", "en") is None
    assert open_table.match("dwie drukarki", "pl") is not None


REFUSED: list[tuple[list[PhraseRow], type[Exception], str]] = [
    ([row("r", "...")], PhraseError, "has no letters or digits"),
    ([row("r", "")], PhraseError, "has no letters or digits"),
    ([row("r", "a" * 201)], PhraseError, "at most 200 characters"),
    ([row("r")], PhraseError, "has no phrase"),
    ([row("r", "a"), row("r", "b")], PhraseError, "same id"),
    ([PhraseRow("r", any_of=(Phrase("(", "pattern"),))], PatternError, "not a regular expression"),
    (
        [PhraseRow("r", any_of=tuple(Phrase(str(n), "pattern") for n in range(MAXIMUM_PATTERNS + 1)))],
        PhraseError,
        "at most 50 regular expressions",
    ),
]


@pytest.mark.parametrize(("rows", "error", "sentence"), REFUSED)
def test_a_table_that_cannot_be_used_is_refused(rows: list[PhraseRow], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        PhraseTable.compile(rows)


def test_a_pattern_of_a_table_that_never_ends_is_a_named_error() -> None:
    table = PhraseTable.compile([PhraseRow("r", any_of=(Phrase(r"(a|a)*$", "pattern"),))])
    with pytest.raises(PatternTimeout):
        table.match("a" * 20_000 + "b")


def test_ten_thousand_phrases_are_one_search() -> None:
    source = random.Random(5)
    syllables = ["dru", "kar", "ka", "nie", "dzia", "ła", "fak", "tu", "ra", "po", "moc", "zwrot", "ż", "ё", "strona"]
    words = sorted({"".join(source.choices(syllables, k=3)) for _ in range(3_000)})
    phrases = source.sample([f"{first} {second}" for first in words[:200] for second in words[200:400]], 10_000)
    table = PhraseTable.compile([row(str(at), phrase) for at, phrase in enumerate(phrases)])
    for at in (0, 17, 4_999, 9_999):
        found = table.match(f"Dzień dobry, {phrases[at].upper()}! Proszę o pomoc.", "pl")
        assert found is not None
        assert found.row == str(at)
    text = " ".join(f"{phrases[at]}." for at in range(9_000, 9_100))
    assert {int(match.row) for match in table.matches(text)} >= set(range(9_000, 9_100))
    assert table.match("nothing of the kind") is None
    began = time.thread_time()
    for _ in range(100):
        table.match("Dzień dobry, moja drukarka nie działa od rana. Proszę o pomoc!", "pl")
    assert (time.thread_time() - began) / 100 < 0.001, "well under a millisecond a message: 0.03 ms on two cores"


def test_any_text_can_be_matched() -> None:
    table = PhraseTable.compile([PhraseRow("r", any_of=(Phrase("a\u0301 b", "inflected"), Phrase("x", "prefix")))])
    source = random.Random(11)
    alphabet = "ab xéй\u0301\u200b\u200d\u00ad\ufe0f😀打ก\n\x00\ud800ﬁẞ"
    for _ in range(2_000):
        text = "".join(source.choices(alphabet, k=source.randrange(30)))
        for match in table.matches(text, source.choice(["en", "xx", ""])):
            for hit in match.hits:
                assert 0 <= hit.start < hit.end <= len(text)
