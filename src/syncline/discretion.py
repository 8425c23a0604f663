"""An answer → the same without our credentials: some servers repeat what they were sent, and people are told of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from urllib.parse import quote

from syncline.model import Lane, Response, Secret

_SECRET_LENGTH = 8  # shorter ones are of emulators, and words of every answer


def discreet(response: Response, lane: Lane) -> Response:
    """Body and headers, with `***` in the place of every credential that the lane's requests carry."""
    body, headers = response.body, dict(response.headers)
    for secret in _spellings(lane.headers):
        body = body.replace(secret, b"***")
        headers = {name: value.replace(secret.decode(), "***") for name, value in headers.items()}
    return Response(response.status, headers, body)


@lru_cache(maxsize=64)  # a lane's stay the same, and its answers are many
def _spellings(headers: tuple[tuple[str, Secret], ...]) -> Sequence[bytes]:
    """Credentials as they were sent, their parts, and how they look in a URL or in JSON; the longest first."""
    forms: set[str] = set()
    for _, held in headers:
        whole = held.reveal()
        scheme, _, token = whole.partition(" ")
        parts = {whole, token} if token else {whole}
        if scheme == "Basic":
            with suppress(ValueError):
                parts.update(base64.b64decode(token).decode("latin-1").split(":", 1))
        for part in parts:
            if len(part) >= _SECRET_LENGTH:
                spelt = {part, quote(part, safe=""), repr(part)[1:-1]}
                for _ in range(2):  # in JSON, and in JSON within JSON
                    spelt |= {json.dumps(form)[1:-1] for form in spelt}
                forms |= spelt
    return [form.encode() for form in sorted(forms, key=lambda form: (-len(form), form))]
