"""The catalogue: one file a destination, each with its `Settings` and the class that speaks its API."""

from __future__ import annotations

from syncline.destinations import customerio

__all__ = ["customerio"]
