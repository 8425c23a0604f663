"""The engine: everything that waits. Policy is a table (`policy.py`), mechanism is a loop (`engine.py`)."""

from __future__ import annotations

from syncline.delivery.ask import ask
from syncline.delivery.attempt import World
from syncline.delivery.controls import Gauge, Halt
from syncline.delivery.engine import Delivery, deliver
from syncline.delivery.policy import Policy

__all__ = ["Delivery", "Gauge", "Halt", "Policy", "World", "ask", "deliver"]
