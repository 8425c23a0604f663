"""`Idempotency-Key`: who does not know whether an upload was accepted sends it again, and gets the same run."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from syncline.service.answers import Declined
from syncline.service.registry import Registry

_FORM = re.compile(r"[!-~]{1,255}")


class Keys:
    """The keys of the last day, which outlive the process, and those whose first request is still being read."""

    def __init__(self, registry: Registry) -> None:
        self._registry, self._lock = registry, threading.Lock()
        self._held: set[bytes] = set()

    @contextmanager
    def held(self, written: str | None) -> Iterator[bytes | None]:
        """A digest of the key, which nobody else may send meanwhile. Raises `Declined`."""
        if written is None:
            yield None
            return
        if not _FORM.fullmatch(written):
            raise Declined(422, "an Idempotency-Key is 1 to 255 printable ASCII characters without blanks")
        key = hashlib.sha256(written.encode("ascii")).digest()
        with self._lock:
            if key in self._held:
                raise Declined(409, "another request with this Idempotency-Key is being read: ask again when it ended")
            self._held.add(key)
        try:
            yield key
        finally:
            with self._lock:
                self._held.discard(key)

    def earlier(self, key: bytes | None, body: bytes) -> str | None:
        """The run that this key and this body asked for already. Raises `Declined` for another body."""
        asked = self._registry.asked_before(key) if key is not None else None
        if asked is None:
            return None
        if asked[0] != body:
            raise Declined(422, "this Idempotency-Key came with another upload before: take a new key for this one")
        return asked[1]
