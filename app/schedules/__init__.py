"""Schedules: when a live flow starts by itself, for whom, and each contact once; the sweeper does the work in pieces.

Everything stands in the database (RELIABILITY, first sentence): an occurrence is planned before it is due, its contacts
are written down in batches, and each contact's start is one transaction with the inbox event that begins the run.
Whoever is killed in between loses nothing and repeats nothing, and two sweepers do no harm.
"""

from app.schedules.filling import fill
from app.schedules.planning import plan
from app.schedules.starting import begin_for, give_up
from app.schedules.todo import Todo, look

__all__ = ["Todo", "begin_for", "fill", "give_up", "look", "plan"]
