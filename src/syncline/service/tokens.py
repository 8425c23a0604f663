"""A token file → a token; a caller's `Authorization` → whether it knows that token. Nothing here ever shows one."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path

from syncline.errors import Problem
from syncline.service.answers import declined, later

TOKEN_CHARACTERS = 32  # at least
BAD_A_MINUTE = 10  # bad tokens from one address, before more of them are not even looked into
_MINUTE_S = 60.0
_ADDRESSES = 1_000  # remembered at most; the oldest go first
_FILE_BYTES = 4_096
_EXPECTED = "the token of this service, as `Authorization: Bearer …`"
_FIX = "Ask whoever runs the service for it."
_FORM = re.compile(rb"[!-~]{%d,}" % TOKEN_CHARACTERS)


class TokenUnfit(ValueError):
    """The file holds no token; the message says what to do."""


def made_up() -> str:
    """A token of 256 random bits."""
    return secrets.token_urlsafe(32)


def read_token(path: Path) -> tuple[str, str]:
    """(the token, a warning or ""). Raises `TokenUnfit`. Looks at the file that is open, and waits for no pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise TokenUnfit(f"{path} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise TokenUnfit(f"{path} is not a plain file")
        text = os.read(handle, _FILE_BYTES).strip()
    finally:
        os.close(handle)
    if not _FORM.fullmatch(text):
        raise TokenUnfit(
            f"{path} does not hold one token of at least {TOKEN_CHARACTERS} characters without blanks:"
            " write one with `openssl rand -hex 32`"
        )
    mode = stat.S_IMODE(status.st_mode)
    exposed = f"{path} holds a token, and others may read it (mode {mode:04o}): chmod 600 {path}"
    return text.decode("ascii"), exposed if mode & 0o077 else ""


class Doorkeeper:
    """Knows the token, and who tried too many others. clock: seconds, of any beginning."""

    def __init__(self, token: str, clock: Callable[[], float]) -> None:
        self._token, self._clock = token.encode("ascii"), clock
        self._bad: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, authorization: list[bytes], address: str) -> None:
        """Raises `Declined`: 401, or 429 for an address that tried too often.

        The right token is always served: everybody behind one proxy has one address, and one of them could lock the
        others out. The limit slows guessing down, and the length of a token is what makes it hopeless.
        """
        given = authorization[0] if len(authorization) == 1 else b""
        scheme, _, token = given.partition(b" ")
        if scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._token):
            return
        if given and (wait_s := self._locked_s(address)) > 0:
            found = f"{BAD_A_MINUTE} wrong tokens from this address within a minute"
            raise later(429, Problem("Authorization", 0, 0, found, _EXPECTED, _FIX), int(wait_s) + 1)
        if given:
            self._remember(address)
        raise declined(401, "Authorization", "no token, or another", _EXPECTED, _FIX, [("www-authenticate", "Bearer")])

    def _locked_s(self, address: str) -> float:
        """Seconds until the address is listened to again; 0: it is."""
        tries = self._bad.get(address, deque())
        while tries and tries[0] <= self._clock() - _MINUTE_S:
            tries.popleft()
        return tries[0] + _MINUTE_S - self._clock() if len(tries) >= BAD_A_MINUTE else 0.0

    def _remember(self, address: str) -> None:
        self._bad.setdefault(address, deque()).append(self._clock())
        self._bad.move_to_end(address)
        if len(self._bad) > _ADDRESSES:
            self._bad.popitem(last=False)
