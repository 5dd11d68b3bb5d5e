"""What is read of a mail: the new words only, as text, whoever wrote the mail program."""

import pytest

from app.mail.bounces import read_bounce
from app.mail.html_text import text_of_html
from app.mail.incoming import parse, read_mail
from app.mail.message_ids import effect_of, message_id
from app.mail.quoted import without_quotes

QUOTED = [
    ("Thanks!\n\nOn Mon, 2 Nov 2026 at 10:00, Acme <desk@acme.example> wrote:\n> Is it fine?\n", "Thanks!"),
    ("Thanks!\n\nOn Mon, 2 Nov 2026 at 10:00, Acme\n<desk@acme.example> wrote:\n\n> Is it fine?\n", "Thanks!"),
    ("Dziękuję\n\npon., 2 lis 2026 o 10:00 Acme <desk@acme.example> napisał(a):\n> Czy działa?\n", "Dziękuję"),
    ("Dziękuję\n\nW dniu 2.11.2026 o 10:00, Acme pisze:\n> Czy działa?\n", "Dziękuję"),
    ("Спасибо\n\nпн, 2 нояб. 2026 г. в 10:00, Acme <desk@acme.example> пишет:\n> Да?\n", "Спасибо"),
    ("Thanks\n\n-----Original Message-----\nFrom: Acme\nSent: today\nText", "Thanks"),
    ("Thanks\n\n________________________________\nFrom: Acme\nText", "Thanks"),
    ("Thanks\n\nFrom: Acme <desk@acme.example>\nSent: Monday\nTo: Anna\nSubject: x\n\nText", "Thanks"),
    ("Dzięki\n\nOd: Acme <desk@acme.example>\nWysłano: poniedziałek\nDo: Anna\nTemat: x\n\nText", "Dzięki"),
    ("Thanks\n\n-- \nAnna Nowak\nAcme Ltd", "Thanks"),
    ("> Is it fine?\nYes\n> And this?\nNo", "Yes\nNo"),
    ("> only a quote", "> only a quote"),
    ("On Monday I wrote:\nplease call me", "On Monday I wrote:\nplease call me"),
    ("From: here to there\nis far", "From: here to there\nis far"),
    ("a\n\n\n\n\nb", "a\n\nb"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "kept"), QUOTED)
def test_only_what_is_new_is_kept(text: str, kept: str) -> None:
    assert without_quotes(text) == kept


HTML = [
    ("<p>Hi <b>there</b></p><p>A &amp; B</p>", "Hi there\n\nA & B"),
    ("a<br>b<br/>c", "a\nb\nc"),
    ("<ul><li>one</li><li>two</li></ul>", "• one\n• two"),
    ("<style>p{}</style><script>alert(1)</script><p>x</p>", "x"),
    ('<a href="https://example.com/x">see</a>', "see (https://example.com/x)"),
    ('<a href="javascript:alert(1)">see</a>', "see"),
    ("<p>new</p><blockquote><p>old</p></blockquote>", "new\n\n> old"),
    ("<table><tr><td>a</td><td>b</td></tr></table>", "ab"),
    ("<p>unclosed <i>tags", "unclosed tags"),
    ("<<>>&#xZZ;", "<<>>&#xZZ;"),
]


@pytest.mark.parametrize(("html", "text"), HTML)
def test_html_is_read_as_text(html: str, text: str) -> None:
    assert text_of_html(html) == text


SUBJECTS = [
    ("Order", "Order", False),
    ("Re: Order", "Order", True),
    ("RE: Odp: FWD: Order [PB-10482]", "Order", True),
    ("[PB-10482] Order", "Order", True),
    ("Regarding: Order", "Regarding: Order", False),
    ("=?utf-8?q?Zam=C3=B3wienie?=", "Zamówienie", False),
    ("=?klingon?q?x?=", "=?klingon?q?x?=", False),
    ("a\r\n b", "a b", False),
]


@pytest.mark.parametrize(("subject", "plain", "is_reply"), SUBJECTS)
def test_a_subject_tells_what_it_is_about_and_whether_it_answers(subject: str, plain: str, is_reply: bool) -> None:
    read = read_mail(parse(f"From: a@example.com\r\nSubject: {subject}\r\n\r\nhi".encode()))
    assert (read.plain_subject, read.is_reply) == (plain, is_reply)


ENCODINGS = [
    (b"text/plain; charset=iso-8859-2", "8bit", "zażółć".encode("iso-8859-2"), "zażółć"),
    (b"text/plain; charset=windows-1251", "8bit", "привет".encode("windows-1251"), "привет"),
    (b"text/plain; charset=utf-8", "quoted-printable", b"za=C5=BC=C3=B3=C5=82=C4=87", "zażółć"),
    (b"text/plain; charset=utf-8", "base64", b"emHFvMOzxYLEhw==", "zażółć"),
    (b"text/plain", "8bit", "zażółć".encode(), "zażółć"),
    (b"text/plain; charset=us-ascii", "8bit", "zażółć".encode(), "zażółć"),
    (b"text/plain; charset=utf-8", "8bit", b"caf\xe9", "café"),
    (b"text/plain; charset=nonsense", "8bit", b"hi", "hi"),
    (b"nonsense", "nonsense", b"hi", "hi"),
]


@pytest.mark.parametrize(("kind", "encoding", "content", "text"), ENCODINGS)
def test_words_are_read_in_whatever_they_were_written(kind: bytes, encoding: str, content: bytes, text: str) -> None:
    head = b"From: a@example.com\r\nContent-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + encoding.encode()
    assert read_mail(parse(head + b"\r\n\r\n" + content)).text == text


SENDERS = [
    ("From: Anna <Anna@Example.COM>", "anna@example.com", "Anna"),
    ("From: Anna <anna@example.com>\r\nReply-To: office@example.com", "office@example.com", "Anna"),
    ("From: undisclosed", "", ""),
    ("From: a@example.com, b@example.com", "a@example.com", ""),
    ("Subject: x", "", ""),
    ('From: "x\\" <eve@example.com>, " <anna@example.com>', "anna@example.com", 'x" <eve@example.com>,'),
]


@pytest.mark.parametrize(("headers", "address", "name"), SENDERS)
def test_an_answer_goes_to_whoever_wrote(headers: str, address: str, name: str) -> None:
    read = read_mail(parse(f"{headers}\r\n\r\nhi".encode()))
    assert (read.sender, read.sender_name.strip()) == (address, name)


def test_a_plain_text_is_read_before_html_and_a_mail_in_a_mail_is_a_file() -> None:
    inner = "Content-Type: message/rfc822\r\n\r\nFrom: b@example.com\r\nSubject: inner\r\n\r\nwords\r\n"
    alternatives = (
        'Content-Type: multipart/alternative; boundary="i"\r\n\r\n--i\r\nContent-Type: text/plain\r\n\r\nplain\r\n'
        "--i\r\nContent-Type: text/html\r\n\r\n<b>html</b>\r\n--i--\r\n"
    )
    head = 'From: a@example.com\r\nContent-Type: multipart/mixed; boundary="o"\r\n\r\n'
    read = read_mail(parse(f"{head}--o\r\n{alternatives}--o\r\n{inner}--o--\r\n".encode()))
    assert read.text == "plain"
    assert [(file.name, file.media_type) for file in read.files] == [("file", "message/rfc822")]
    assert b"words" in read.files[0].content


def test_more_files_than_anybody_sends_are_counted_and_not_kept() -> None:
    part = '--o\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename="a.png"\r\n\r\nx\r\n'
    read = read_mail(
        parse(f'From: a@b.example\r\nContent-Type: multipart/mixed; boundary="o"\r\n\r\n{part * 50}--o--'.encode())
    )
    assert (len(read.files), read.files_left_out) == (20, 30)


def test_a_report_that_names_nothing_is_no_bounce() -> None:
    for content in (b"", b"Content-Type: multipart/report\r\n\r\nx", b"Subject: Undelivered\r\n\r\nYour mail failed"):
        assert read_bounce(parse(content)) is None


def test_only_we_make_message_ids_that_name_our_messages() -> None:
    made = message_id("secret", 12, "7/3/0", "acme.example")
    assert made.startswith("<12.7.3.0.")
    assert effect_of("secret", f"<other@example.com>\n{made}") == 12
    for wrong in (
        made.replace("<12.", "<13."),
        made.replace(".7.", ".8."),
        "<12.7.3.0.@acme.example>",
        "",
        "<" * 9_999,
    ):
        assert effect_of("secret", wrong) == 0
    assert effect_of("another", made) == 0
    assert effect_of("", made) == 0
