"""Customer.io people: records → Track API v2 batches, or v1 identify calls, and what their answers mean.

The facts are the vendor's: https://docs.customer.io/api/track/ and https://docs.customer.io/api/app/ (checked 2026-10).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from syncline.errors import Garbled, Misconfigured, Refused, Unfit, said
from syncline.model import BatchLimits, Change, Item, Lane, Outcome, Request, Response, Secret, Semantics, Verdict
from syncline.ports import Conversation

# Hosts by region: the `servers` of https://docs.customer.io/api/track/ and /api/app/ (checked 2026-10)
TRACK_HOSTS = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}
APP_HOSTS = {"us": "https://api.customer.io", "eu": "https://api-eu.customer.io"}

# Limits, in bytes of UTF-8: https://docs.customer.io/api/track/ (checked 2026-10). Whether a KB is 1000
# or 1024 bytes is not said there, so the smaller reading is used: it holds under both.
IDENTIFIER_BYTES = 150
NAME_BYTES = 150
VALUE_BYTES = 1_000
ATTRIBUTES = 300
ITEM_BYTES = 32_000
REQUEST_BYTES = 500_000
LOOK_UP_IDS = 100  # ids one attributes read may name: https://docs.customer.io/api/app/ (checked 2026-10)

# Names a person cannot be given as attributes: they are identifiers, or the API's own switches.
RESERVED = {"cio_id", "cio_relationships", "identifiers"}

_JSON = (("content-type", "application/json"),)
_EMAIL_SHAPE = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ENVELOPE = (b'{"batch":[', b"]}")

Fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Settings(BaseModel):
    """What a configuration may say under `destination`. Bytes are UTF-8; `timeout` is in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["customerio"] = "customerio"
    site_id: Annotated[SecretStr, Field(alias="siteId")]
    api_key: Annotated[SecretStr, Field(alias="apiKey")]
    app_api_key: Annotated[SecretStr | None, Field(alias="appApiKey")] = None
    region: Literal["us", "eu"] = "us"
    api: Literal["batch", "identify"] = "batch"
    identifier: Literal["auto", "id", "email", "cio_id"] = "auto"
    workspace: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = ""
    base_url: Annotated[str, Field(alias="baseUrl")] = ""
    app_base_url: Annotated[str, Field(alias="appBaseUrl")] = ""
    rate: Annotated[float, Field(gt=0, le=10_000)] = 900.0
    app_rate: Annotated[float, Field(alias="appRate", gt=0, le=1_000)] = 9.0
    rows_per_second: Annotated[float, Field(alias="rowsPerSecond", ge=0)] = 0.0
    timeout: Annotated[float | None, Field(gt=0, le=600)] = None
    batch_items: Annotated[int, Field(alias="batchItems", ge=1, le=10_000)] = 500
    batch_bytes: Annotated[int, Field(alias="batchBytes", ge=1_000, le=REQUEST_BYTES)] = REQUEST_BYTES


def refuse_name(target: str, is_identifier: bool) -> tuple[str, str] | None:
    """Why no mapping may write to this name: (found, fix), or None. `is_identifier`: it maps the userId field."""
    if target == "id" and not is_identifier:
        return "another field than userId is mapped to id, which would re-key people", "Map it to another name."
    if target in RESERVED:
        return f"{target} is reserved by Customer.io", "Map it to another name."
    if target.startswith("_"):
        return "names that start with _ are reserved by Customer.io", "Map it to another name."
    return None


class Identity(NamedTuple):
    """Who a key means: `kind` is id, email or cio_id; `value` travels without the `cio_` prefix."""

    kind: str
    value: str

    @classmethod
    def of(cls, key: str) -> Identity:
        kind, _, value = key.partition(":")
        return cls(kind, value)

    @property
    def in_path(self) -> str:
        """As the v1 path spells it, which infers the kind from the shape."""
        return f"cio_{self.value}" if self.kind == "cio_id" else self.value


class CustomerIo:
    """People of one workspace, through `api: batch` (Track v2) or `api: identify` (Track v1)."""

    name = "customerio"
    semantics = Semantics(merges=True, idempotent=True, readable=True)

    def __init__(self, settings: Settings, mode: Literal["upsert", "update"] = "upsert") -> None:
        self._settings, self._update = settings, mode == "update"
        self._batches = settings.api == "batch"
        self.fingerprint = f"people/{mode}"
        self._origin = settings.base_url or TRACK_HOSTS[settings.region]
        site, key = settings.site_id.get_secret_value(), settings.api_key.get_secret_value()
        label = settings.workspace or hashlib.blake2b(site.encode(), digest_size=8).hexdigest()
        self.account = f"{self._origin}/{label}"
        self.lanes = {"track": self._track(site, key)} | ({"app": self._app()} if settings.app_api_key else {})
        self.limits = (
            BatchLimits(settings.batch_items, settings.batch_bytes, sum(map(len, _ENVELOPE)))
            if self._batches
            else BatchLimits(1, REQUEST_BYTES, 0)
        )
        self._prefix = b'{"_update":true' if self._update else b""
        self._fit_names: set[str] = set()

    @property
    def caveats(self) -> Sequence[str]:
        """What a 200 of this API does not prove."""
        if self._update:
            return (
                "update mode: Customer.io also answers 200 for a person it does not know and then writes nothing,"
                " so `delivered` here means accepted, not found",
            )
        return ()

    def _track(self, site: str, key: str) -> Lane:
        token = base64.b64encode(f"{site}:{key}".encode()).decode()
        timeout_s = self._settings.timeout or (60.0 if self._batches else 30.0)
        return Lane(
            self._origin, Secret(f"Basic {token}"), self._settings.rate, timeout_s, self._settings.rows_per_second
        )

    def _app(self) -> Lane:
        key = self._settings.app_api_key
        token = key.get_secret_value() if key else ""
        origin = self._settings.app_base_url or APP_HOSTS[self._settings.region]
        return Lane(origin, Secret(f"Bearer {token}"), self._settings.app_rate, self._settings.timeout or 30.0)

    # --- identity -------------------------------------------------------------------------------------------------

    def key(self, identifier: object) -> str:
        """`7258` → "id:7258"; `Ada@x.org` → "email:ada@x.org"; `cio_b79e…` → "cio_id:b79e…". Raises `Unfit`."""
        kind, value = self._kind(_identifier_text(identifier))
        size = len(value.encode())
        if size > IDENTIFIER_BYTES:
            raise Unfit("", f"the identifier is {size} bytes; Customer.io takes at most {IDENTIFIER_BYTES}")
        if not self._batches and value in {".", ".."}:
            raise Unfit("", f'"{value}" cannot stand in the path of a v1 call; `api: batch` can send it')
        return f"{kind}:{value}"

    def _kind(self, text: str) -> tuple[str, str]:
        """The kind the settings name, or the one v1 infers from the shape, so that both APIs reach the same person."""
        inferred = "cio_id" if text.startswith("cio_") else "email" if _EMAIL_SHAPE.fullmatch(text) else "id"
        kind = inferred if self._settings.identifier == "auto" else self._settings.identifier
        if kind == "email" and inferred != "email":
            raise Unfit("", "the identifier is not an e-mail address, and `identifier: email` asks for one")
        if kind == "id" and inferred != "id" and not self._batches:
            raise Unfit("", f"a v1 call would take this identifier for {inferred}; `api: batch` can send it as id")
        value = text.removeprefix("cio_") if kind == "cio_id" else text.lower() if kind == "email" else text
        if not value:
            raise Unfit("", 'the identifier is empty after "cio_"')
        return kind, value

    # --- records --------------------------------------------------------------------------------------------------

    def check(self, key: str, record: Mapping[str, bytes]) -> None:
        """Names and values against the limits; an `email` that contradicts an e-mail key. Raises `Unfit`."""
        for name, value in record.items():
            if name not in self._fit_names:
                self._check_name(name)
            if len(value) > VALUE_BYTES:
                _check_value(name, value)
        if key.startswith("email:") and "email" in record:
            self._check_email(key, record["email"])

    def _check_name(self, name: str) -> None:
        size = len(name.encode())
        if not 0 < size <= NAME_BYTES:
            raise Unfit(name[:40], f"the attribute name is {size} bytes; Customer.io takes 1 to {NAME_BYTES}")
        self._fit_names.add(name)

    @staticmethod
    def _check_email(key: str, value: bytes) -> None:
        """Customer.io answers 200 to two different e-mails in one identify, and then writes nothing."""
        email = msgspec.json.decode(value)
        if not isinstance(email, str) or email.lower() != Identity.of(key).value:
            raise Unfit(
                "email", "differs from the e-mail that identifies this person; Customer.io would drop the write"
            )

    def encode(self, change: Change) -> Item:
        """The item of a batch, or the body of one identify. Raises `Unfit`: 301 attributes, an item over 32,000 bytes."""
        if change.body.count(b'":') > ATTRIBUTES and (count := len(Fields.decode(change.body))) > ATTRIBUTES:
            raise Unfit("", f"{count} attributes; Customer.io takes at most {ATTRIBUTES}")
        attributes = change.body
        if self._update:
            attributes = self._prefix + (b"}" if change.body == b"{}" else b"," + change.body[1:])
        if not self._batches:
            return Item(change, attributes)
        who = Identity.of(change.key)
        payload = b'{"type":"person","action":"identify","identifiers":{"%s":%s},"attributes":%s}' % (
            who.kind.encode(),
            msgspec.json.encode(who.value),
            attributes,
        )
        room = min(ITEM_BYTES, self.limits.bytes - self.limits.envelope)
        if len(payload) > room:
            raise Unfit("", f"the person is {len(payload)} bytes as JSON; one item of a batch may have {room}")
        return Item(change, payload)

    # --- conversations --------------------------------------------------------------------------------------------

    def converse(self, items: Sequence[Item]) -> Conversation[Sequence[Verdict]]:
        return self._batch(items) if self._batches else self._identify(items[0])

    def _batch(self, items: Sequence[Item]) -> Conversation[Sequence[Verdict]]:
        """200: all accepted; 207: only the listed ones failed. https://docs.customer.io/api/track/ (checked 2026-10)"""
        head, tail = _ENVELOPE
        body = head + b",".join(item.payload for item in items) + tail
        response = yield Request("track", "POST", "/api/v2/batch", body, _JSON)
        if response.status not in {200, 207}:
            raise _refusal(response)
        return _verdicts(response, len(items))

    def _identify(self, item: Item) -> Conversation[Sequence[Verdict]]:
        """A 200 is the whole answer: `{}`. https://docs.customer.io/api/track/ (checked 2026-10)"""
        path = "/api/v1/customers/" + quote(Identity.of(item.change.key).in_path, safe="")
        response = yield Request("track", "PUT", path, item.payload, _JSON)
        if response.status != 200:
            raise _refusal(response)
        if response.body.lstrip()[:1] not in {b"", b"{"}:
            raise Garbled("200, but the answer is not Customer.io's")
        return [Verdict(Outcome.DELIVERED)]

    def probe(self) -> Conversation[None]:
        """Asks for the region, which either region's host tells. https://docs.customer.io/api/track/ (checked 2026-10)"""
        response = yield Request("track", "GET", "/api/v1/accounts/region")
        if response.status in {401, 403}:
            raise Misconfigured(
                f"Customer.io refuses these credentials at {self._origin} ({response.status}): check siteId and apiKey,"
                f" and that the workspace lives in region {self._settings.region}"
            )
        location = response.headers.get("location", "")
        region = _region_of(location) if 300 <= response.status < 400 else _told_region(response)
        if region and region != self._settings.region:
            raise Misconfigured(
                f"this workspace lives in region {region}, not {self._settings.region}: set `region: {region}`"
            )
        if 300 <= response.status < 400:
            raise Misconfigured(
                f"{self._origin} redirects to {_origin_of(location)}, and redirects are never followed:"
                " check region and baseUrl"
            )
        if response.status != 200:
            raise Misconfigured(f"{self._origin} does not answer like Customer.io ({response.status}): check baseUrl")

    def look_up(self, keys: Sequence[str]) -> Conversation[Mapping[str, Mapping[str, object] | None]]:
        """Values come back as text, whatever was sent. https://docs.customer.io/api/app/ (checked 2026-10)"""
        found: dict[str, Mapping[str, object] | None] = dict.fromkeys(keys)
        for kind in ("id", "email", "cio_id"):
            of_kind = [key for key in keys if Identity.of(key).kind == kind]
            for start in range(0, len(of_kind), LOOK_UP_IDS):
                some = of_kind[start : start + LOOK_UP_IDS]
                body = msgspec.json.encode({"ids": [Identity.of(key).value for key in some]})
                path = f"/v1/customers/attributes?id_type={kind}"
                response = yield Request("app", "POST", path, body, _JSON)
                found |= _people(response, kind, some)
        return found


def _identifier_text(identifier: object) -> str:
    """7258 → "7258". Raises `Unfit` for what is no identifier: a boolean, 1.5, null, an object, a blank."""
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        return str(identifier)
    if not isinstance(identifier, str):
        found = {
            bool: "a boolean",
            float: "a fraction or a float",
            type(None): "null",
            list: "a list",
            dict: "an object",
        }
        raise Unfit(
            "", f"{found.get(type(identifier), 'no text')} is not an identifier; expected text or a whole number"
        )
    if not identifier.strip():
        raise Unfit("", "the identifier is blank")
    if _CONTROL.search(identifier):
        raise Unfit("", "the identifier holds control characters")
    return identifier


def _check_value(name: str, value: bytes) -> None:
    """How Customer.io measures nested values is not documented; their JSON text is the strict reading."""
    decoded = msgspec.json.decode(value) if value.startswith(b'"') else None
    size = len(decoded.encode()) if isinstance(decoded, str) else len(value)
    if size > VALUE_BYTES:
        raise Unfit(name, f"the value is {size} bytes; Customer.io takes at most {VALUE_BYTES}")


def _json_object(response: Response) -> Mapping[str, object]:
    try:
        answer = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Garbled(f"{response.status}, but the answer is not a JSON object")
    return answer


def _verdicts(response: Response, count: int) -> Sequence[Verdict]:
    """Every index not listed was accepted; one index may be listed several times."""
    errors = _json_object(response).get("errors", [])
    if not isinstance(errors, list) or (response.status == 207 and not errors):
        raise Garbled(f"{response.status} without a list of errors")
    verdicts = [Verdict(Outcome.DELIVERED)] * count
    for error in errors:
        index = error.get("batch_index") if isinstance(error, dict) else None
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
            raise Garbled(f"{response.status} names an item that was not sent")
        if verdicts[index].outcome is Outcome.DELIVERED:
            reason, field = _error_text(error)
            verdicts[index] = Verdict(Outcome.REJECTED, reason, field)
    return verdicts


def _error_text(error: object) -> tuple[str, str]:
    """One v2 error entry → (reason, field)."""
    if not isinstance(error, dict):
        return said(str(error)), ""
    reason = error.get("message") or error.get("detail") or error.get("reason") or "refused without a reason"
    return said(str(reason)), said(str(error.get("field") or ""), 150)


def _refusal(response: Response) -> Refused:
    """v2 says `errors[]`, v1 says `meta.error` or `meta.errors[]`; the text may also come from a proxy on the way."""
    try:
        answer = _json_object(response)
    except Garbled:
        answer = {}
    meta = answer.get("meta")
    errors: object = answer.get("errors")
    if isinstance(meta, dict):
        errors = meta.get("errors") or meta.get("error")
    listed = errors if isinstance(errors, list) else [errors] if errors else []
    texts = [_error_text(error) for error in listed] or [(f"refused with status {response.status}", "")]
    reason = said("; ".join(text for text, _ in texts))
    return Refused(reason, texts[0][1], too_large=response.status == 413)


def _told_region(response: Response) -> str:
    if response.status != 200:
        return ""
    try:
        return str(_json_object(response).get("region") or "")
    except Garbled:
        raise Misconfigured("the answer to the region question is not Customer.io's: check baseUrl") from None


def _region_of(location: str) -> str:
    host = urlsplit(location).hostname
    return next((region for region, origin in TRACK_HOSTS.items() if urlsplit(origin).hostname == host), "")


def _origin_of(location: str) -> str:
    parts = urlsplit(location)
    return said(f"{parts.scheme}://{parts.hostname}") if parts.hostname else "an unnamed place"


def _people(response: Response, kind: str, keys: Sequence[str]) -> Mapping[str, Mapping[str, object] | None]:
    """The attributes read of up to 100 ids → attributes by key."""
    if response.status == 404:
        return {}
    if response.status != 200:
        raise _refusal(response)
    by_value = {Identity.of(key).value: key for key in keys}
    found: dict[str, Mapping[str, object] | None] = {}
    for customer in _customers(_json_object(response)):
        identifiers, attributes = customer.get("identifiers"), customer.get("attributes")
        if not isinstance(identifiers, dict) or not isinstance(attributes, dict):
            raise Garbled("a person without identifiers or attributes")
        value = str(identifiers.get(kind))
        key = by_value.get(value.lower() if kind == "email" else value)
        if key is not None:
            found[key] = attributes
    return found


def _customers(answer: Mapping[str, object]) -> Iterable[Mapping[str, object]]:
    customers = answer.get("customers")
    if not isinstance(customers, list):
        raise Garbled("no list of customers")
    for entry in customers:
        customer = entry.get("customer") if isinstance(entry, dict) else None
        if isinstance(customer, dict):
            yield customer
