"""Records → Track API v2 batches, or v1 identify calls; and people read back through the App API."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import quote

import msgspec

from syncline.destinations.customerio import answers
from syncline.destinations.customerio.attributes import Attributes
from syncline.destinations.customerio.identity import EMAIL_SHAPE, Identity, check_path, shape
from syncline.destinations.customerio.settings import (
    APP_HOSTS,
    ATTRIBUTES,
    IDENTIFIER_BYTES,
    ITEM_BYTES,
    LOOK_UP_IDS,
    REQUEST_BYTES,
    TRACK_HOSTS,
    Settings,
    refuse_name,
)
from syncline.destinations.identifier import identifier_text, oddities, unfit
from syncline.errors import CredentialsRefused, Misconfigured, Unfit, WrongAddress, origin_of
from syncline.model import BatchLimits, Change, Item, Lane, Outcome, Remark, Request, Secret, Semantics, Verdict
from syncline.ports import Conversation, Inquiry

_JSON = (("content-type", "application/json"),)
_ENVELOPE = (b'{"batch":[', b"]}")
_OPERATION = b'{"type":"person","action":"identify","identifiers":{"%b":%b},"attributes":%b}'
_FEW_BYTES = 6 * ATTRIBUTES  # an attribute takes at least six ("a":1 and a comma), so less cannot hold too many

Fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
encode_text = msgspec.json.encode


class CustomerIo:
    """People of one workspace, through `api: batch` (Track v2) or `api: identify` (Track v1)."""

    name = "customerio"
    semantics = Semantics(merges=True, idempotent=True, readable=True)

    def __init__(self, settings: Settings, mode: Literal["upsert", "update"] = "upsert") -> None:
        self._settings, self._update = settings, mode == "update"
        self._batches, self._identifier = settings.api == "batch", settings.identifier
        self.fingerprint = f"people/{mode}"
        self.dialect = f"mode: {mode}, api: {settings.api}, identifier: {settings.identifier}"
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
        self._room = min(ITEM_BYTES, settings.batch_bytes - self.limits.envelope) if self._batches else REQUEST_BYTES
        self._unit = "item of a batch" if self._batches else "call"
        self._attributes = Attributes()

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
            self._origin, _authorized(f"Basic {token}"), self._settings.rate, timeout_s, self._settings.rows_per_second
        )

    def _app(self) -> Lane:
        key = self._settings.app_api_key
        token = key.get_secret_value() if key else ""
        origin = self._settings.app_base_url or APP_HOSTS[self._settings.region]
        return Lane(origin, _authorized(f"Bearer {token}"), self._settings.app_rate, self._settings.timeout or 30.0)

    # --- identity -------------------------------------------------------------------------------------------------

    def key(self, identifier: object) -> str:
        """`7258` → "id:7258"; `Ada@x.org` → "email:ada@x.org"; `cio_b79e…` → "cio_id:b79e…". Raises `Unfit`."""
        kind, value = self._kind(identifier_text(identifier))
        # A character has at most 4 bytes, so most need no measuring.
        if len(value) * 4 > IDENTIFIER_BYTES and (size := len(value.encode())) > IDENTIFIER_BYTES:
            raise unfit(f"the identifier is {size} bytes; Customer.io takes at most {IDENTIFIER_BYTES}")
        if not self._batches:
            check_path(Identity(kind, value))
        return f"{kind}:{value}"

    def _kind(self, text: str) -> tuple[str, str]:
        """The kind the settings name, or the one v1 infers from the shape, so that both APIs reach the same person."""
        kind = self._identifier if self._identifier != "auto" else shape(text)
        if kind == "id":
            return kind, text
        if kind == "email":
            if not EMAIL_SHAPE.fullmatch(text):
                raise unfit("the identifier is not an e-mail address, and `identifier: email` asks for one")
            return kind, text.lower()
        value = text.removeprefix("cio_")
        if not value:
            raise unfit('the identifier is empty after "cio_"')
        return kind, value

    # --- records --------------------------------------------------------------------------------------------------

    def check(self, key: str, record: Mapping[str, bytes]) -> None:
        """Names and values, against the limits and their meaning; an `email` and its key. Raises `Unfit`."""
        self._attributes.check(record)
        if key.startswith("email:") and "email" in record:
            self._check_email(key, record["email"])

    @staticmethod
    def _check_email(key: str, value: bytes) -> None:
        """Customer.io answers 200 to two different e-mails in one identify, and then writes nothing."""
        email = msgspec.json.decode(value) if value.startswith(b'"') else None
        if not isinstance(email, str) or email.lower() != Identity.of(key).value:
            reason = "differs from the e-mail that identifies this person; Customer.io would drop the write"
            raise Unfit("email", reason, "identifiers-differ")

    def also(self, key: str, record: Mapping[str, bytes]) -> bytes:
        """The e-mail, where another identifier is the key: a workspace that identifies people by e-mail too takes two
        people with one e-mail for one, or writes nothing, and answers 200. https://docs.customer.io/api/track/ (checked
        2026-10)
        """
        if key.startswith("email:"):
            return encode_text(Identity.of(key).value)
        email = record.get("email", b"")
        if not email.startswith(b'"'):
            return b""
        return email.lower() if email.isascii() else encode_text(msgspec.json.decode(email, type=str).lower())

    @property
    def findable_by(self) -> str:
        """An e-mail address that a person has is changed by id only in a workspace that allows it; elsewhere the answer
        is 200 all the same. By `cio_id` it always is. https://docs.customer.io/api/track/ (checked 2026-10)
        """
        return "" if self._identifier == "cio_id" else "email"

    def remarks(self, key: str, record: Mapping[str, bytes]) -> Sequence[Remark]:
        """What Customer.io takes without a word, though hardly anybody means it."""
        odd = self._attributes.remarks(record)
        if not key.isascii() or " " in key:  # every other blank, and all that has two spellings, is not ASCII
            odd += [Remark("", what) for what in oddities(Identity.of(key).value)]
        return odd

    def reserved(self, name: str) -> str:
        """Why no attribute may have this name; "" when it may."""
        if name == "id":
            return "it would give people another id than userId does"
        refused = refuse_name(name, False)
        return refused[0] if refused else ""

    def encode(self, change: Change) -> Item:
        """The item of a batch, or the body of one identify. Raises `Unfit`: 301 attributes, over 32,000 bytes."""
        attributes = change.body
        if len(attributes) > _FEW_BYTES and (count := len(Fields.decode(attributes))) > ATTRIBUTES:
            raise Unfit("", f"{count} attributes; Customer.io takes at most {ATTRIBUTES}", "too-many-attributes")
        if self._update:
            attributes = b'{"_update":true' + (b"}" if attributes == b"{}" else b"," + attributes[1:])
        if self._batches:
            kind, _, value = change.key.partition(":")
            attributes = _OPERATION % (kind.encode(), msgspec.json.encode(value), attributes)
        if len(attributes) > self._room:
            reason = f"the person is {len(attributes)} bytes as JSON; one {self._unit} may have {self._room}"
            raise Unfit("", reason, "record-too-large")
        return Item(change, attributes)

    # --- conversations --------------------------------------------------------------------------------------------

    def converse(self, items: Sequence[Item], ticket: bytes | None = None) -> Conversation[Sequence[Verdict]]:
        """There are no tickets: an answer of this API is final."""
        return self._batch(items) if self._batches else self._identify(items[0])

    def _batch(self, items: Sequence[Item]) -> Conversation[Sequence[Verdict]]:
        """200: all accepted; 207: only the listed ones failed. https://docs.customer.io/api/track/ (checked 2026-10)"""
        head, tail = _ENVELOPE
        body = head + b",".join(item.payload for item in items) + tail
        response = yield Request("track", "POST", "/api/v2/batch", body, _JSON)
        if response.status not in {200, 207}:
            raise answers.no(response)
        return answers.verdicts(response, len(items))

    def _identify(self, item: Item) -> Conversation[Sequence[Verdict]]:
        """A 200 is the whole answer: `{}`. https://docs.customer.io/api/track/ (checked 2026-10)"""
        path = "/api/v1/customers/" + quote(Identity.of(item.change.key).in_path, safe="")
        response = yield Request("track", "PUT", path, item.payload, _JSON)
        if response.status != 200:
            raise answers.no(response)
        answers.check_accepted(response)
        return [Verdict(Outcome.DELIVERED)]

    def probe(self) -> Inquiry[None]:
        """Either region's host tells the region. https://docs.customer.io/api/track/ (checked 2026-10)"""
        response = yield Request("track", "GET", "/api/v1/accounts/region")
        if response.status in {401, 403}:
            raise CredentialsRefused(
                f"Customer.io refuses these credentials at {self._origin} ({response.status}): check siteId and apiKey,"
                f" and that the workspace lives in region {self._settings.region}"
            )
        location = response.headers.get("location", "")
        region = answers.region_of(location) if 300 <= response.status < 400 else answers.told_region(response)
        if region and region != self._settings.region:
            raise Misconfigured(
                f"this workspace lives in region {region}, not {self._settings.region}: set `region: {region}`"
            )
        if 300 <= response.status < 400:
            raise WrongAddress(
                f"{self._origin} redirects to {origin_of(location)}, and redirects are never followed:"
                " check region and baseUrl"
            )
        if response.status != 200:
            raise WrongAddress(f"{self._origin} does not answer like Customer.io ({response.status}): check baseUrl")

    def look_up(self, keys: Sequence[str]) -> Inquiry[Mapping[str, Mapping[str, object] | None]]:
        """Values come back as text, whatever was sent. https://docs.customer.io/api/app/ (checked 2026-10)"""
        found: dict[str, Mapping[str, object] | None] = dict.fromkeys(keys)
        for kind in ("id", "email", "cio_id"):
            of_kind = [key for key in keys if Identity.of(key).kind == kind]
            for start in range(0, len(of_kind), LOOK_UP_IDS):
                some = of_kind[start : start + LOOK_UP_IDS]
                body = msgspec.json.encode({"ids": [Identity.of(key).value for key in some]})
                path = f"/v1/customers/attributes?id_type={kind}"
                response = yield Request("app", "POST", path, body, _JSON)
                found |= answers.people(response, kind, some)
        return found


def _authorized(credential: str) -> tuple[tuple[str, Secret], ...]:
    return (("authorization", Secret(credential)),)
