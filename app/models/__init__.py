"""The tables, by noun. Importing this package makes all of them known to SQLAlchemy."""

from app.models.account import Audit, CredentialRow, FirstLink, Token
from app.models.contact import Address, Contact
from app.models.conversation import (
    Connection,
    Conversation,
    EffectRow,
    InboundEvent,
    Message,
    Number,
)
from app.models.desk import Problem, Queue, QueueEntry
from app.models.flow import FlowRow, LiveNumber, Revision, Version
from app.models.run import JournalEntry, RunRow, StepCount, TurnRow
from app.models.stored import CallDocument, File
from app.models.system import Clock, Constant, Installation, WorkerRow

__all__ = [
    "Address",
    "Audit",
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
    "JournalEntry",
    "LiveNumber",
    "Message",
    "Number",
    "Problem",
    "Queue",
    "QueueEntry",
    "Revision",
    "RunRow",
    "StepCount",
    "Token",
    "TurnRow",
    "Version",
    "WorkerRow",
]
