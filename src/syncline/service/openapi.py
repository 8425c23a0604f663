"""The parts of the OpenAPI document: which statuses an endpoint has, in what shape, and what a body looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Depends
from fastapi.params import Depends as Dependency
from fastapi.security import HTTPBearer

from syncline.service import shapes
from syncline.service.limits import FIELD

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type

_RETRY = {"headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}}
_PLACE = {"headers": {"Location": {"description": "Where the run is to be seen.", "schema": {"type": "string"}}}}
_HEADERS = {202: _PLACE, 429: _RETRY, 503: _RETRY}

_MEANINGS = {
    202: "Accepted.",
    400: "This is not HTTP as it should be, or no form.",
    401: "No token, or another than the service's.",
    403: "A page of another site sent this.",
    404: "There is none.",
    408: "The request came too slowly.",
    409: "Not as things stand: something is at work, or has ended.",
    413: "The upload is too large.",
    414: "The URL is too long.",
    415: "Another form of body than the service takes.",
    421: "The service does not go by the name that the request gave it.",
    422: "There is something to mend: all of it is listed. Nothing was sent.",
    429: "Too many wrong tokens.",
    500: "A bug in Syncline. Nothing is lost: what was not acknowledged is sent again.",
    501: "The service was started without the key that this needs.",
    502: "The destination does not answer this.",
    503: "Not now.",
    507: "No room for the upload.",
}
ANYWHERE = (400, 414, 421)
WRITING = (*ANYWHERE, 403, 415)
UPLOADING = (*WRITING, 408, 409, 413, 422, 507)


def answers(refusals: Sequence[int], others: Answers, *, needs_token: bool) -> Answers:
    """refusals: the statuses that have the shape of a refusal; others come as they are."""
    told = {status: shaped(shapes.Refused, _MEANINGS[status]) for status in (*refusals, *((401, 429) * needs_token))}
    both = told | others
    return {status: _HEADERS.get(int(status), {}) | both[status] for status in sorted(both, key=int)}


def shaped(shape: Any, meaning: str) -> dict[str, Any]:
    """An answer in JSON."""
    return {"model": shape, "description": meaning}


def plain(meaning: str, *media_types: str) -> dict[str, Any]:
    """An answer that is no JSON."""
    return {"description": meaning, "content": {kind: {"schema": {"type": "string"}} for kind in media_types}}


RUN_ENDED: Answers = {
    200: shaped(shapes.Report, "Every row is settled well."),
    207: shaped(shapes.Report, "Some rows are invalid or rejected, or the data broke off: the report says which."),
    401: shaped(shapes.Report | shapes.Refused, "The destination, or the service, refuses the credentials."),
    500: shaped(shapes.Cut, _MEANINGS[500]),
    503: shaped(shapes.Report | shapes.Cut | shapes.Refused, "It ended early, or could not begin: come back."),
}


def form(parts: int, meaning: str) -> dict[str, Any]:
    """A body of so many files, all under one name."""
    files = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1, "maxItems": parts}
    schema = {"type": "object", "required": [FIELD], "properties": {FIELD: files}, "additionalProperties": False}
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "description": meaning, "content": content}}


def bearer() -> list[Dependency]:
    """Says that a token is needed. That it comes is seen to at the doors."""
    return [Depends(HTTPBearer(auto_error=False, description="What `--token-file` holds."))]
