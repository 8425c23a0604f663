"""Customer.io: reading order is settings (the facts) → identity → people (the conversations) → answers."""

from __future__ import annotations

from syncline.destinations.customerio.people import CustomerIo
from syncline.destinations.customerio.settings import ATTRIBUTES, Settings, refuse_name

__all__ = ["ATTRIBUTES", "CustomerIo", "Settings", "refuse_name"]
