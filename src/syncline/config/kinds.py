"""The types of source and destination, and what a configuration must know of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from syncline.config.source import Files
from syncline.destinations.customerio import settings as customerio
from syncline.destinations.meaning import Meaning
from syncline.destinations.voucherify import nesting
from syncline.destinations.voucherify import settings as voucherify
from syncline.sources.segment import settings as segment


class SourceKind(NamedTuple):
    """What the configuration must know of a `type` of source. cautions: what is allowed, and worth a warning."""

    settings: type[BaseModel]
    cautions: Callable[[Any], Sequence[str]]  # of these very settings


class Kind(NamedTuple):
    """What the configuration must know of a `type` of destination.

    refuse_name: (name, does it map the userId field?) → why no mapping may write there, and the fix;
    meanings: what some attributes mean to the destination; cautions: what is allowed, and worth a warning;
    attributes: how many one person may have; modes: what `mode` can be; objects: the attributes that may also be
    written key by key (`metadata.tier`).
    """

    settings: type[BaseModel]
    refuse_name: Callable[[str, bool], tuple[str, str] | None]
    meanings: Mapping[str, Meaning]
    cautions: Callable[[Any], Sequence[str]]  # of these very settings
    attributes: int
    modes: Collection[str]
    objects: Collection[str] = ()


DESTINATIONS = {
    "customerio": Kind(
        customerio.Settings,
        customerio.refuse_name,
        customerio.MEANINGS,
        customerio.cautions,
        customerio.ATTRIBUTES,
        ("upsert", "update"),
    ),
    "voucherify": Kind(
        voucherify.Settings,
        voucherify.refuse_name,
        voucherify.MEANINGS,
        voucherify.cautions,
        voucherify.ATTRIBUTES,
        voucherify.MODES,
        nesting.OBJECTS,
    ),
}
DEFAULT_DESTINATION = "customerio"

SOURCES = {"file": SourceKind(Files, lambda files: ()), "segment": SourceKind(segment.Settings, segment.cautions)}
DEFAULT_SOURCE = "file"

# By the key under which they stand, and by type.
SETTINGS: Mapping[str, Mapping[str, type[BaseModel]]] = {
    "destination": {name: kind.settings for name, kind in DESTINATIONS.items()},
    "source": {name: kind.settings for name, kind in SOURCES.items()},
}
