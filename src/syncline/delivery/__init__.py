"""The engine: everything that waits. Policy is a table (`policy.py`), mechanism is a loop (`engine.py`)."""

from __future__ import annotations

from syncline.delivery.ask import ask
from syncline.delivery.attempt import World
from syncline.delivery.controls import Gauge, Halt, Signal
from syncline.delivery.deliver import Delivery, deliver
from syncline.delivery.inbox import Bookmark, Portion, Sink, Unread, Wanted, read
from syncline.delivery.policy import Policy

__all__ = [
    "Bookmark",
    "Delivery",
    "Gauge",
    "Halt",
    "Policy",
    "Portion",
    "Signal",
    "Sink",
    "Unread",
    "Wanted",
    "World",
    "ask",
    "deliver",
    "read",
]
