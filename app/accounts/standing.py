"""What somebody may do now, known by the name that stands beside what they did."""

from sqlalchemy.orm import Session

from app.accounts.people import find_person
from app.accounts.roles import Rights, rights_of
from app.accounts.tokens import rights_by_name


def rights_now(session: Session, who: str) -> Rights:
    """The rights of a person's e-mail address or of a token's name; none for whoever was removed or revoked."""
    if "@" not in who:
        return rights_by_name(session, who)
    person = find_person(session, who)
    return rights_of(person.role) if person is not None else frozenset()
