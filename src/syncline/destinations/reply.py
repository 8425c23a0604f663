"""An answer of any vendor → its JSON object."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from syncline.errors import Garbled
from syncline.model import Response


def json_object(response: Response) -> Mapping[str, object]:
    """Raises `Garbled`."""
    try:
        answer = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Garbled(f"{response.status}, but the answer is not a JSON object")
    return answer
