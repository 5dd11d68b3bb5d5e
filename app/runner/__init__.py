"""The runner: takes conversations with due events through the engine, and their messages out of the door."""

from app.runner.loop import Runner
from app.runner.taking import take_one

__all__ = ["Runner", "take_one"]
