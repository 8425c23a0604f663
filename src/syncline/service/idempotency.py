"""`Idempotency-Key`: who does not know whether an upload was accepted sends it again, and gets the same run."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from syncline.service.answers import declined
from syncline.service.registry import Registry

_HEADER = "Idempotency-Key"
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
            expected = "1 to 255 printable ASCII characters without blanks"
            raise declined(422, _HEADER, f"a key of {len(written)} characters", expected, "A random UUID will do.")
        key = hashlib.sha256(written.encode("ascii")).digest()
        with self._lock:
            if key in self._held:
                found = "another request with this key, which is still being read"
                raise declined(409, _HEADER, found, "one request at a time", "Ask again when it has ended.")
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
            found = "a key that came with another upload within a day"
            raise declined(422, _HEADER, found, "the same upload, or another key", "Take a new key for this one.")
        return asked[1]
