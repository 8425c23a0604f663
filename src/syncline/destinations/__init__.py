"""The catalogue: one folder a destination, each with its `Settings` and the class that speaks its API.

Beside them, what any of them may use: meaning, identifier, judgement, reply.
"""

from __future__ import annotations

from syncline.destinations import customerio, voucherify

__all__ = ["customerio", "voucherify"]
