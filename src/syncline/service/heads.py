"""Header lines → what they say of a form and of its parts. Read strictly: what two readers could take differently is
refused (https://www.rfc-editor.org/rfc/rfc7578, https://www.rfc-editor.org/rfc/rfc9110)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from syncline.errors import printable
from syncline.service.limits import FIELD, Limits
from syncline.service.refused import UploadRefused

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*+)")
_VALUE = re.compile(r"[ \t]*([^\s;]+)[ \t]*")
_PARAMETER = re.compile(r';[ \t]*([^\s;="]+)[ \t]*=[ \t]*(?:"((?:[^"\\]++|\\.)*+)"|([^\s;"]*+))[ \t]*')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]*[0-9A-Za-z'()+_,./:=?-]")
_DIGITS = re.compile(r"[0-9]{1,18}")
_AS_IT_IS = ("binary", "8bit", "7bit")
FORM = "a form, as `curl --form 'inputs=@configuration.json' --form 'inputs=@data.json'` sends it"


class Announced(NamedTuple):
    """What a request says of its body. length: None where it does not say."""

    boundary: bytes
    length: int | None


def announced(headers: Iterable[tuple[bytes, bytes]], limits: Limits) -> Announced:
    """The request's headers, as ASGI has them: names in lower case, each line by itself. Raises `UploadRefused`."""
    held = _once(headers, "the request")
    if held.get("content-encoding", "identity").strip().lower() != "identity":
        fix = "Send the form as it is; a data file in it may be packed with gzip."
        raise UploadRefused(415, "a Content-Encoding", "a body without one", fix)
    kind, parameters = _parsed(held.get("content-type", ""), "the Content-Type")
    if kind != "multipart/form-data":
        found = f"the type {printable(kind[:40])}" if kind else "no Content-Type"
        raise UploadRefused(415, found, "multipart/form-data", f"Send {FORM}.")
    return Announced(_boundary(parameters.get("boundary", ""), limits), _length(held, limits))


def _boundary(text: str, limits: Limits) -> bytes:
    if len(text) <= limits.boundary_chars and _BOUNDARY.fullmatch(text):
        return text.encode()
    found = f"a boundary of {len(text)} characters" if text else "no boundary"
    expected = f"one of 1 to {limits.boundary_chars} letters, digits and '()+_,-./:=?"
    raise UploadRefused(400, found, expected, "Let the client choose it: set no Content-Type of your own.")


def _length(held: dict[str, str], limits: Limits) -> int | None:
    text = held.get("content-length")
    if text is None:
        return None
    if "transfer-encoding" in held:
        raise UploadRefused(400, "a Content-Length and a Transfer-Encoding", "one of them", "Leave one of them out.")
    if not _DIGITS.fullmatch(text):
        raise UploadRefused(400, "a Content-Length that is no number of bytes", "digits alone", "Correct it.")
    if int(text) > limits.body_bytes:
        raise too_large(f"{int(text):,} bytes", limits)
    return int(text)


def too_large(found: str, limits: Limits) -> UploadRefused:
    """More than a request, or a part of it, may have."""
    expected = f"data of at most {limits.data_bytes:,} bytes"
    return UploadRefused(
        413, found, expected, "Split the data, or have the service started with a larger --max-upload."
    )


class Head(NamedTuple):
    """A part that begins. filename: as it was sent; "" where it has none."""

    filename: str


def head_of(lines: Sequence[bytes], limits: Limits) -> Head:
    """The headers of a part. Raises `UploadRefused`."""
    held = _once(map(_split, lines), "a part")
    if held.get("content-encoding", "identity").lower() != "identity":
        raise UploadRefused(415, "a part with a Content-Encoding", "the file as it is", "Leave the header out.")
    if held.get("content-transfer-encoding", "binary").lower() not in _AS_IT_IS:
        expected = f"one of {', '.join(_AS_IT_IS)}, or none"
        raise UploadRefused(400, "a part with another Content-Transfer-Encoding", expected, "Leave the header out.")
    kind, parameters = _parsed(held.get("content-disposition", ""), "a part's Content-Disposition")
    if kind != "form-data" or "name" not in parameters:
        expected = f'Content-Disposition: form-data; name="{FIELD}"'
        raise UploadRefused(400, "a part that does not say what it is", expected, f"Send {FORM}.")
    if parameters["name"] != FIELD:
        found = f'a part named "{printable(parameters["name"][:40])}"'
        raise UploadRefused(422, found, f"parts named {FIELD}, and no other", f"Send {FORM}.")
    filename = parameters.get("filename", "")
    if len(filename.encode()) > limits.filename_bytes:
        raise UploadRefused(400, "a long file name", f"one of at most {limits.filename_bytes} bytes", "Shorten it.")
    return Head(filename)


def _split(line: bytes) -> tuple[bytes, bytes]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise UploadRefused(400, "a part with a line that is no header", "Name: value", f"Send {FORM}.")
    return match[1].lower(), match[2].rstrip()


def _once(headers: Iterable[tuple[bytes, bytes]], whose: str) -> dict[str, str]:
    """The headers that say something of a body; of these, two would leave it open which one counts."""
    held: dict[str, str] = {}
    for name, value in headers:
        key = name.decode("latin-1")
        if key.startswith("content-") or key == "transfer-encoding":
            if key in held:
                raise UploadRefused(400, f"{whose} with {printable(key[:40])} twice", "each header once", "Keep one.")
            held[key] = value.decode("utf-8", "replace")
    return held


def _parsed(text: str, what: str) -> tuple[str, dict[str, str]]:
    """`form-data; name="inputs"` → ("form-data", {"name": "inputs"})."""
    value = _VALUE.match(text)
    at, parameters = value.end() if value else 0, dict[str, str]()
    while match := _PARAMETER.match(text, at):
        name, at = match[1].lower(), match.end()
        if name in parameters or "*" in name:  # RFC 2231 has a second way to say the same
            kind = "repeated" if name in parameters else "encoded"
            raise UploadRefused(400, f"{what} with a parameter that is {kind}", "each once, and plain", f"Send {FORM}.")
        parameters[name] = match[3] if match[2] is None else re.sub(r'\\(["\\])', r"\1", match[2])
    if at < len(text.rstrip("; \t")):
        raise UploadRefused(400, f"{what} that cannot be read", 'name="value" after each ;', f"Send {FORM}.")
    return (value[1].lower() if value else ""), parameters
