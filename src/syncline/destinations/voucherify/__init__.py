"""Voucherify: reading order is settings and fields (the facts) → attributes → nesting → customers (the conversations) →
answers."""

from __future__ import annotations

from syncline.destinations.voucherify.customers import Voucherify
from syncline.destinations.voucherify.fields import MEANINGS, refuse_name
from syncline.destinations.voucherify.settings import ATTRIBUTES, MODES, Settings

__all__ = ["ATTRIBUTES", "MEANINGS", "MODES", "Settings", "Voucherify", "refuse_name"]
