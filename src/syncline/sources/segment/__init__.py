"""Profiles of a Segment space: reading order is settings (the facts) → profiles (the conversations) → answers →
external_ids; listed.py is the other way in, a file of identifiers.
"""

from __future__ import annotations

from syncline.sources.segment.profiles import SegmentSource
from syncline.sources.segment.settings import Settings, cautions

__all__ = ["SegmentSource", "Settings", "cautions"]
