"""Web addresses are read into one form, or refused with a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web_address import BadWebAddress, read_origin, read_web_address

READ = [
    ("https://crm.example.com", "https://crm.example.com/"),
    (" https://CRM.Example.COM:443/A?b=C#part\n", "https://crm.example.com/A?b=C"),
    ("http://a.example:80", "http://a.example/"),
    ("http://a.example:8080?x", "http://a.example:8080/?x"),
    ("http://a.example:/", "http://a.example/"),
    ("https://żółw.example/ż?q=ż ź", "https://xn--w-uga1v8h.example/%C5%BC?q=%C5%BC%20%C5%BA"),
    ("http://[2001:DB8:0::1]:8080/", "http://[2001:db8::1]:8080/"),
    ("http://a.example./x%20y%2Fz", "http://a.example/x%20y%2Fz"),
    ("http://my_service:9000/", "http://my_service:9000/"),
    ("http://a.example/\ud800", "http://a.example/%3F"),
]


@pytest.mark.parametrize(("text", "canonical"), READ)
def test_an_address_has_one_spelling(text: str, canonical: str) -> None:
    assert str(read_web_address(text)) == canonical
    assert str(read_web_address(canonical)) == canonical


@given(st.text(alphabet="htps:/@.[]%?#\\a1-é \x00\n", max_size=40) | st.from_regex(r"https?://[^/]{1,20}/.{0,20}"))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        canonical = str(read_web_address(text))
    except BadWebAddress:
        return
    assert canonical.isascii()
    assert str(read_web_address(canonical)) == canonical


def test_an_origin_has_no_path() -> None:
    assert read_origin("https://A.example:443/") == "https://a.example"
    for text in ("https://a.example/x", "https://a.example/?", "https://a.example/#"):
        with pytest.raises(BadWebAddress, match="only scheme, host and port"):
            read_origin(text)
