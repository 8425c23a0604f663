"""A configuration that was loaded, and the settings that its tests look at."""

from __future__ import annotations

from syncline.config import Sync
from syncline.destinations.customerio import settings as customerio
from syncline.destinations.voucherify import settings as voucherify
from syncline.sources.segment import settings as segment


def customerio_of(sync: Sync) -> customerio.Settings:
    assert isinstance(sync.destination, customerio.Settings)
    return sync.destination


def voucherify_of(sync: Sync) -> voucherify.Settings:
    assert isinstance(sync.destination, voucherify.Settings)
    return sync.destination


def segment_of(sync: Sync) -> segment.Settings:
    assert isinstance(sync.source, segment.Settings)
    return sync.source
