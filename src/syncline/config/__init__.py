"""Files and the environment → one typed Sync; or every problem at once, each with its place and its fix."""

from __future__ import annotations

from syncline.config.external_ids import external_id_in
from syncline.config.load import Loaded, load
from syncline.config.model import Mapping, Sync
from syncline.config.override import overridden
from syncline.config.source import Files
from syncline.sources.segment.settings import Settings as Segment

__all__ = ["Files", "Loaded", "Mapping", "Segment", "Sync", "external_id_in", "load", "overridden"]
