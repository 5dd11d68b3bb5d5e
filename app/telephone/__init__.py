"""A telephone in the terminal: it plays the carrier against the signed voice door, and the caller is whoever types."""

from app.telephone.calls import CALLER, Receiver, call

__all__ = ["CALLER", "Receiver", "call"]
