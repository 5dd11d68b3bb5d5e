"""The tables, by noun. Importing this package makes all of them known to SQLAlchemy."""

from app.models.account import Audit, CredentialRow, FirstLink, Token
from app.models.contact import Address, Contact, Segment, SegmentMember
from app.models.conversation import Conversation, EffectRow, InboundEvent, Message
from app.models.desk import CalendarRow, Problem, Queue, QueueEntry
from app.models.flow import FlowRow, LiveNumber, Presence, Revision, Version
from app.models.mail import Mail, Mailbox
from app.models.number import Connection, Number
from app.models.people import Invitation, PasswordLink, Person, SignInSession, SignInTries
from app.models.run import JournalEntry, RunRow, StepCount, TurnRow
from app.models.schedule import Occurrence, OccurrenceContact
from app.models.stored import CallDocument, File
from app.models.system import Clock, Constant, Installation, WorkerRow
from app.models.webhook import WebhookRow, WebhookWait

__all__ = [
    "Address",
    "Audit",
    "CalendarRow",
    "CallDocument",
    "Clock",
    "Connection",
    "Constant",
    "Contact",
    "Conversation",
    "CredentialRow",
    "EffectRow",
    "File",
    "FirstLink",
    "FlowRow",
    "InboundEvent",
    "Installation",
    "Invitation",
    "JournalEntry",
    "LiveNumber",
    "Mail",
    "Mailbox",
    "Message",
    "Number",
    "Occurrence",
    "OccurrenceContact",
    "PasswordLink",
    "Person",
    "Presence",
    "Problem",
    "Queue",
    "QueueEntry",
    "Revision",
    "RunRow",
    "Segment",
    "SegmentMember",
    "SignInSession",
    "SignInTries",
    "StepCount",
    "Token",
    "TurnRow",
    "Version",
    "WebhookRow",
    "WebhookWait",
    "WorkerRow",
]
