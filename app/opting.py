"""Opt-out words: a text that is nothing but one of them ends all messages to its address."""

import unicodedata
from typing import Final

# The words carriers honour in English, and the usual ones of our catalogues' languages. Source:
# https://help.twilio.com/articles/223134027 (default English opt-out and opt-in keywords).
_OUT: Final = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke"}
    | {"wypisz", "rezygnuję", "rezygnuje", "koniec", "zatrzymaj"}
    | {"стоп", "отписаться", "отписка", "отмена"}
)
_IN: Final = frozenset({"start", "unstop", "старт", "wznów", "wznow"})
CONFIRMATION: Final = {
    "en": "You will get no more messages from us. Write START to get them again.",
    "pl": "Nie będziemy już wysyłać wiadomości. Napisz START, aby je znowu otrzymywać.",
    "ru": "Мы больше не будем присылать сообщения. Напишите СТАРТ, чтобы получать их снова.",
}


def is_opt_out(text: str) -> bool:
    """Whether the whole text is an opt-out word."""
    return _plain(text) in _OUT


def is_opt_in(text: str) -> bool:
    """Whether the whole text asks for messages again."""
    return _plain(text) in _IN


def _plain(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)  # some keyboards write ę as e and a tail
    return composed.strip().strip(".!\"'„”").strip().casefold()
