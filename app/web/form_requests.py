"""Finds the form that a request is for, and reads what was filled in, strictly."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.channels.web_form import FilledIn, FormSettings, WebForm, read_settings
from app.models import Connection, Installation, Number
from app.sealing import SecretKey
from flows.answers import read_email
from flows.values import clean_text

LONGEST_TEXT: Final = 20_000
_LONGEST_NAME: Final = 200
_PURPOSE: Final = "form-key"
_KEY_LIFETIME: Final = timedelta(days=1)


@dataclass(frozen=True)
class Form:
    """One form: the number's record and its settings."""

    id: int
    name: str
    value: str
    language: str
    connection_id: int
    title: str
    settings: FormSettings


def find_form(session: Session, name: str) -> Form | None:
    """The form with that number name."""
    query = (
        select(Number)
        .join(Connection, Connection.id == Number.connection_id)
        .where(Connection.kind == WebForm.kind, Connection.enabled, Number.answers_messages)
    )
    number = session.scalar(query.where(Number.name == clean_text(name)))
    if number is None:
        return None
    settings = read_settings(number.settings)
    title = settings.title or session.scalar(select(Installation.name)) or ""
    return Form(number.id, number.name, number.value, number.language, number.connection_id, title, settings)


def new_key(key: SecretKey, form: Form, present: datetime) -> str:
    """What our page sends with the form: a repeat is known by it, and that the page was ours."""
    plain = f"{int(present.timestamp())}.{secrets.token_urlsafe(12)}"
    return f"{plain}.{_mac(key, form, plain)}"


def is_key(key: SecretKey, form: Form, text: str, present: datetime) -> bool:
    """Whether we made that key for this form within the last day."""
    plain, _, mac = text.rpartition(".")
    issued = plain.partition(".")[0]
    if not key.verify(_PURPOSE, _data(form, plain), mac) or not issued.isdecimal():
        return False
    return present.timestamp() - int(issued) <= _KEY_LIFETIME.total_seconds()


def read_form(request: Request, form: Form, language: str, key: str) -> tuple[FilledIn, Mapping[str, str]]:
    """What was filled in, and for each field that is wrong the word that says why."""
    given = {name: clean_text(request.form.get(name, "")) for name in ("name", "email", "category", "text")}
    text, category = given["text"].strip(), given["category"].strip()
    email = read_email(given["email"])
    wrong = {}
    if email is None:
        wrong["email"] = "email_wrong"
    if form.settings.categories and category not in form.settings.categories:
        wrong["category"] = "category_wrong"
    if not text or len(text) > LONGEST_TEXT:
        wrong["text"] = "text_long" if text else "text_wrong"
    name = " ".join(given["name"].split())[:_LONGEST_NAME]
    kept_category = category if category in form.settings.categories else ""
    shown_email = email.lower() if email else given["email"].strip()[:_LONGEST_NAME]
    return FilledIn(key, name, shown_email, kept_category, text[: LONGEST_TEXT * 2], language), wrong


def _mac(key: SecretKey, form: Form, plain: str) -> str:
    return key.sign(_PURPOSE, _data(form, plain))


def _data(form: Form, plain: str) -> bytes:
    return f"{form.id}:{plain}".encode()
