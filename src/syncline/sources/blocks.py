"""Blocks of bytes → the same blocks, after a look at how they begin."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from syncline.sources.place import Flaw


class Blocks:
    """Blocks that can be looked at before they are read. What breaks behind a look is raised where it is reached."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._unread = filter(None, blocks)
        self._seen: deque[bytes] = deque()
        self._flaw: Flaw | None = None

    def look(self, size: int) -> bytes:
        """The next `size` bytes or more; fewer only where they end, or break, before that."""
        seen = sum(map(len, self._seen))
        while seen < size and (block := self._pull()):
            self._seen.append(block)
            seen += len(block)
        if not seen and self._flaw is not None:
            raise self._flaw
        return b"".join(self._seen)

    def skip(self, size: int) -> None:
        """Pass over bytes that have been looked at."""
        while size:
            block = self._seen.popleft()
            if len(block) > size:
                self._seen.appendleft(block[size:])
            size -= min(size, len(block))

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if block := self._seen.popleft() if self._seen else self._pull():
            return block
        if self._flaw is not None:
            raise self._flaw
        raise StopIteration

    def _pull(self) -> bytes:
        if self._flaw is not None:
            return b""
        try:
            return next(self._unread, b"")
        except Flaw as flaw:
            self._flaw = flaw
            return b""
