"""Who may do what: the one table of rights. Every door names the right it needs; a role is a set of rights."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

Rights = frozenset["Right"]


class Right(StrEnum):
    """One thing that a person may do, and a scope that a token may have."""

    READ_FLOWS = "read_flows"  # drafts, revisions, versions, their comparison and counts; export
    EDIT_FLOWS = "edit_flows"  # create, save, import; simulate and test
    PUBLISH_FLOWS = "publish_flows"  # publish and roll back: what customers meet
    READ_RUNS = "read_runs"  # runs with their traces, problems, dead letters
    START_RUNS = "start_runs"  # from outside, with an input
    MEND_RUNS = "mend_runs"  # retry and replay; send again, edit or skip what failed
    READ_CONVERSATIONS = "read_conversations"  # messages and files of contacts, and the queues they stand in
    ANSWER_CONVERSATIONS = "answer_conversations"  # reply, close, take over
    READ_CONTACTS = "read_contacts"
    EDIT_CONTACTS = "edit_contacts"  # change, merge, import
    EXPORT_CONTACTS = "export_contacts"  # all of them in one file
    READ_SETTINGS = "read_settings"  # installation, connections, numbers, calendars, constants, names of credentials
    EDIT_SETTINGS = "edit_settings"  # installation, connections, numbers, constants
    EDIT_QUEUES = "edit_queues"  # queues and calendars
    EDIT_CREDENTIALS = "edit_credentials"  # secrets go in and never come out
    UPLOAD_FILES = "upload_files"
    READ_PEOPLE = "read_people"
    EDIT_PEOPLE = "edit_people"  # invite, change the role, remove, make a link for a new password
    EDIT_OWNERS = "edit_owners"  # the same with owners
    READ_TOKENS = "read_tokens"
    MAKE_TOKENS = "make_tokens"
    END_TOKENS = "end_tokens"
    READ_AUDIT = "read_audit"
    READ_METRICS = "read_metrics"
    OWN_ACCOUNT = "own_account"  # one's password, and where one is signed in: every person, and no token


class Role(StrEnum):
    """What a person is here: exactly one of seven."""

    OWNER = "owner"
    ADMIN = "admin"
    PUBLISHER = "publisher"
    AUTHOR = "author"
    SUPERVISOR = "supervisor"
    AGENT = "agent"
    VIEWER = "viewer"


EVERYBODY: Final[Rights] = frozenset()
"""What a door needs that is for everybody who is signed in, and for every token."""

_ALL: Final[Rights] = frozenset(Right)
_LOOK: Final = frozenset(
    {
        Right.OWN_ACCOUNT,
        Right.READ_FLOWS,
        Right.READ_RUNS,
        Right.READ_CONVERSATIONS,
        Right.READ_CONTACTS,
        Right.READ_SETTINGS,
    }
)
_DRAW: Final = _LOOK - {Right.READ_CONTACTS} | {Right.EDIT_FLOWS, Right.UPLOAD_FILES}
_ANSWER: Final = frozenset(
    {
        Right.OWN_ACCOUNT,
        Right.READ_CONVERSATIONS,
        Right.ANSWER_CONVERSATIONS,
        Right.READ_CONTACTS,
        Right.EDIT_CONTACTS,
        Right.UPLOAD_FILES,
    }
)

ROLES: Final[Mapping[Role, Rights]] = {
    Role.OWNER: _ALL,
    Role.ADMIN: _ALL - {Right.EDIT_OWNERS},
    Role.PUBLISHER: _DRAW | {Right.READ_CONTACTS, Right.PUBLISH_FLOWS, Right.START_RUNS, Right.MEND_RUNS},
    Role.AUTHOR: _DRAW,
    Role.SUPERVISOR: _LOOK
    | _ANSWER
    | {Right.MEND_RUNS, Right.EXPORT_CONTACTS, Right.EDIT_QUEUES, Right.READ_PEOPLE, Right.READ_METRICS},
    Role.AGENT: _ANSWER,
    Role.VIEWER: _LOOK,
}

SCOPES: Final[Rights] = _ALL - {Right.EDIT_PEOPLE, Right.EDIT_OWNERS, Right.MAKE_TOKENS, Right.OWN_ACCOUNT}
"""What a token may do: never make other tokens or people, so that a leaked one cannot outlive its end."""


def rights_of(role: str) -> Rights:
    """The rights of a stored role."""
    return ROLES[Role(role)]


def may_give(rights: Rights, role: str) -> bool:
    """Whether somebody with these rights may make a person of this role, or touch one: nobody gives what they lack."""
    return rights_of(role) <= rights
