"""From a draft to live numbers: every revision kept, merged three ways, checked, frozen, moved in one transaction."""

from app.publishing.asking_ahead import ask_ahead
from app.publishing.drafts import Draft, DraftConflict, create, find_flow, flow_id_of, read, save
from app.publishing.live_numbers import Moved, NumberTaken
from app.publishing.versions import NotPublishable, Order, Published, findings, publish, read_version, roll_back

__all__ = [
    "Draft",
    "DraftConflict",
    "Moved",
    "NotPublishable",
    "NumberTaken",
    "Order",
    "Published",
    "ask_ahead",
    "create",
    "find_flow",
    "findings",
    "flow_id_of",
    "publish",
    "read",
    "read_version",
    "roll_back",
    "save",
]
