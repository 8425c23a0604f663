"""Files and the environment → one typed Sync; or every problem at once, each with its place and its fix."""

from __future__ import annotations

from syncline.config.load import Loaded, load
from syncline.config.model import Mapping, Sync
from syncline.config.override import overridden
from syncline.config.source import Files

__all__ = ["Files", "Loaded", "Mapping", "Sync", "load", "overridden"]
