"""Records → bulk upserts and the actions that carry them out, or one upsert a customer; and customers read back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

import msgspec

from syncline.destinations.identifier import identifier_text, oddities
from syncline.destinations.voucherify import answers
from syncline.destinations.voucherify.attributes import Attributes
from syncline.destinations.voucherify.fields import refuse_name
from syncline.destinations.voucherify.nesting import nested
from syncline.destinations.voucherify.settings import HOSTS, REQUEST_BYTES, Settings
from syncline.errors import Again, CredentialsRefused, Garbled, Refused, Unfinished, Unfit, WrongAddress, origin_of
from syncline.model import (
    BatchLimits,
    Change,
    Item,
    Lane,
    Outcome,
    Remark,
    Remember,
    Request,
    Secret,
    Semantics,
    Verdict,
)
from syncline.ports import Conversation, Inquiry

_JSON = (("content-type", "application/json"),)
_KEY = "source_id:"
_HEARS_ABSENT = frozenset({404})

# How often an action is asked for: soon at first, as a small one takes a second, and seldom later.
_FIRST_PAUSE_S = 1.0
_PAUSE_GROWTH = 1.5
_PAUSE_MOST_S = 20.0
_NONSENSE = 4  # answers about one action that are put up with
# One that is DONE and contradicts itself is asked for so often again: what it lists may come a little later.
_LATE_S = (1.0, 2.0, 4.0)
# Actions in a row that contradict themselves: with more, to send the halves of a batch is no way to who is to blame.
_CONTRADICTIONS = 50

encode_text = msgspec.json.encode


class Voucherify:
    """Customers of one project, through `api: bulk` (bulk upsert) or `api: single`."""

    name = "voucherify"
    # An upsert leaves alone the fields that it does not name, as the vendor's own tests show:
    # https://github.com/voucherifyio/voucherify-js-sdk (checked 2026-10). Whether that holds for the keys of `metadata`
    # and `address` too is not said anywhere. A record travels whole, so the keys that its rows have are safe either
    # way; for those of others there is a caveat.
    semantics = Semantics(merges=True, idempotent=True, readable=True)

    def __init__(self, settings: Settings, mode: str = "upsert") -> None:
        self._settings, self._bulk = settings, settings.api == "bulk"
        self.fingerprint = f"customers/{mode}"
        self.dialect = f"mode: {mode}, api: {settings.api}"
        self._origin = settings.base_url or HOSTS[settings.region]
        application = settings.application_id.get_secret_value()
        label = settings.workspace or hashlib.blake2b(application.encode(), digest_size=8).hexdigest()
        self.account = f"{self._origin}/{label}"
        credentials = (
            ("x-app-id", Secret(application)),
            ("x-app-token", Secret(settings.secret_key.get_secret_value())),
        )
        self.lanes = {
            "api": self._lane(credentials, "api_calls", 30.0),
            "bulk": self._lane(credentials, "bulk_api_calls", 60.0),
        }
        self.limits = (
            BatchLimits(settings.batch_items, settings.batch_bytes, 2)
            if self._bulk
            else BatchLimits(1, REQUEST_BYTES, 0)
        )
        self._room = self.limits.bytes - self.limits.envelope
        self._attributes = Attributes()
        self._sent_objects = False
        self._contradictions = 0  # in a row

    def _lane(self, credentials: tuple[tuple[str, Secret], ...], bucket: str, timeout_s: float) -> Lane:
        """Bulk calls are counted by the hour, apart from all others. https://docs.voucherify.io/guides/limits (checked
        2026-10)
        """
        timeout_s = self._settings.timeout or timeout_s
        return Lane(self._origin, credentials, self._settings.rate, timeout_s, quota=answers.quota_of(bucket))

    @property
    def caveats(self) -> Sequence[str]:
        """What `delivered` does not prove, of what was sent so far."""
        if not self._sent_objects:
            return ()
        return (
            "Voucherify does not say whether `metadata` and `address` are merged key by key or replaced as a whole:"
            " keys in them that this sync does not send may be gone",
        )

    # --- records --------------------------------------------------------------------------------------------------

    def key(self, identifier: object) -> str:
        """`7258` → "source_id:7258", in the case it has. No limit of its length is published. Raises `Unfit`."""
        return _KEY + identifier_text(identifier)

    def check(self, key: str, record: Mapping[str, bytes]) -> None:
        """Names and values, against the fields of a customer and their types. Raises `Unfit`."""
        self._attributes.check(record)

    def also(self, key: str, record: Mapping[str, bytes]) -> bytes:
        """Nothing besides its source_id makes two customers one."""
        return b""

    findable_by = ""

    def remarks(self, key: str, record: Mapping[str, bytes]) -> Sequence[Remark]:
        """What Voucherify takes without a word, though hardly anybody means it."""
        odd = self._attributes.remarks(record)
        if not key.isascii() or " " in key:  # every other blank, and all that has two spellings, is not ASCII
            odd += [Remark("", what) for what in oddities(_source_id(key))]
        return odd

    def reserved(self, name: str) -> str:
        """Why no field of the data can go under its own name; "" when it can."""
        refused = refuse_name(name, False)
        return refused[0] if refused else ""

    def encode(self, change: Change) -> Item:
        """One customer as it travels. Raises `Unfit` where it is larger than a request, or names an object twice."""
        body = change.body
        if b'"metadata' in body or b'"address' in body:
            body = nested(body)
            self._sent_objects = self._sent_objects or b'"metadata":' in body or b'"address":' in body
        head = b'{"source_id":' + encode_text(_source_id(change.key))
        payload = head + (b"}" if body == b"{}" else b"," + body[1:])
        if len(payload) > self._room:
            reason = f"the customer is {len(payload)} bytes as JSON; one request may have {self._room}"
            raise Unfit("", reason, "record-too-large")
        return Item(change, payload)

    # --- conversations --------------------------------------------------------------------------------------------

    def converse(self, items: Sequence[Item], ticket: bytes | None = None) -> Conversation[Sequence[Verdict]]:
        """A ticket is the id of an action. What was sent in bulk once is asked for, and sent again, in bulk."""
        in_bulk = self._bulk or ticket is not None or len(items) > 1
        return self._upsert(items, ticket) if in_bulk else self._single(items[0])

    def _upsert(self, items: Sequence[Item], ticket: bytes | None) -> Conversation[Sequence[Verdict]]:
        """202 is a promise: the action says what became of it, to a later process too."""
        if ticket is not None:
            return (yield from self._await(items, ticket.decode(), now=True))
        body = b"[" + b",".join(item.payload for item in items) + b"]"
        response = yield Request("bulk", "POST", "/v1/customers/bulk/async", body, _JSON)
        action = answers.accepted(response)
        yield Remember(action.encode())
        return (yield from self._await(items, action))

    def _await(self, items: Sequence[Item], action: str, *, now: bool = False) -> Inquiry[Sequence[Verdict]]:
        """Asks until the action has ended. `now`: it was begun long ago, so the first question need not wait."""
        ids = [_source_id(item.change.key) for item in items]
        nonsense, last_word = 0, ""
        for pause_s in _pauses(self._settings.poll_timeout, now=now):
            response = yield _question(action, pause_s)
            try:
                verdicts = answers.outcome(response, action, ids)
            except answers.Contradiction as contradiction:
                return (yield from self._once_more(ids, action, contradiction, earlier=now))
            except Garbled as noise:  # somebody who stands between: it may make sense next time
                nonsense, last_word = nonsense + 1, f" (the last answer: {noise})"
                if nonsense > _NONSENSE:
                    raise
                continue
            if verdicts is not None:
                return self._told(verdicts)
            last_word = ""
        raise Unfinished(f"the action {action} has not ended after {self._settings.poll_timeout:g} s{last_word}")

    def _once_more(
        self, ids: Sequence[str], action: str, contradiction: answers.Contradiction, *, earlier: bool
    ) -> Inquiry[Sequence[Verdict]]:
        """It has ended, and says no more than this. So its customers are in doubt, and a batch of them is sent again in
        halves: those among whom nobody is to blame are taken, and a short list is whole. Who is left alone stays in
        doubt; of an earlier run's, once it was sent again.
        """
        for pause_s in _LATE_S:
            response = yield _question(action, pause_s)
            try:
                verdicts = answers.outcome(response, action, ids)
            except answers.Contradiction as later:
                contradiction = later
            except Garbled:
                continue
            else:
                if verdicts is not None:
                    return self._told(verdicts)
        if contradiction.verdicts:
            return self._told(contradiction.verdicts)
        self._contradictions += 1
        if len(ids) > 1 and self._contradictions <= _CONTRADICTIONS:
            raise Refused(str(contradiction))
        if len(ids) == 1 and earlier:
            raise Again(str(contradiction))
        raise Unfinished(str(contradiction))

    def _told(self, verdicts: Sequence[Verdict]) -> Sequence[Verdict]:
        self._contradictions = 0
        return verdicts

    def _single(self, item: Item) -> Conversation[Sequence[Verdict]]:
        """The answer is the customer, which proves that it was this one."""
        response = yield Request("api", "POST", "/v1/customers", item.payload, _JSON)
        if response.status != 200:
            raise answers.no(response)
        answers.customer(response, _source_id(item.change.key))
        return [Verdict(Outcome.DELIVERED)]

    def probe(self) -> Inquiry[None]:
        """Lists one customer, a right that goes with writing them. The schema of their metadata would show nobody, and
        asks for a right that the sync does not need.
        """
        response = yield Request("api", "GET", "/v1/customers?limit=1")
        if answers.lists_customers(response):
            return
        if 300 <= response.status < 400:
            place = origin_of(response.headers.get("location", ""))
            raise WrongAddress(
                f"{self._origin} redirects to {place}, and redirects are never followed: check region and baseUrl"
            )
        words, _ = answers.words(response)
        told = f"{response.status}: {words}" if words else str(response.status)
        if response.status in {401, 403}:
            raise CredentialsRefused(
                f"Voucherify refuses these credentials at {self._origin} ({told}): check applicationId and secretKey,"
                f" and that the project lives in region {self._settings.region}"
            )
        raise WrongAddress(
            f"{self._origin} does not list customers as Voucherify does ({told}): check region and baseUrl"
        )

    def look_up(self, keys: Sequence[str]) -> Inquiry[Mapping[str, Mapping[str, object] | None]]:
        """One call a customer, who comes back nested, and with what Voucherify adds of its own."""
        found: dict[str, Mapping[str, object] | None] = dict.fromkeys(keys)
        for key in keys:
            source_id = _source_id(key)
            if source_id in {".", ".."}:
                raise Refused(f'"{source_id}" cannot stand in a path, so this customer cannot be looked up')
            path = "/v1/customers/" + quote(source_id, safe="")
            response = yield Request("api", "GET", path, hears=_HEARS_ABSENT)
            if response.status == 404:
                continue
            if response.status != 200:
                raise answers.no(response)
            found[key] = answers.customer(response, source_id)
        return found


def _source_id(key: str) -> str:
    return key.removeprefix(_KEY)


def _question(action: str, pause_s: float) -> Request:
    path = "/v1/async-actions/" + quote(action, safe="")
    return Request("api", "GET", path, pause_s=pause_s, hears=_HEARS_ABSENT)


def _pauses(most_s: float, *, now: bool) -> Iterator[float]:
    """1 s, 1.5 s, … 20 s, and `most_s` in all; before them none at all, if the first question is asked `now`."""
    if now:
        yield 0.0
    pause_s, waited_s = _FIRST_PAUSE_S, 0.0
    while waited_s < most_s:
        pause_s = min(pause_s, most_s - waited_s)
        yield pause_s
        waited_s += pause_s
        pause_s = min(pause_s * _PAUSE_GROWTH, _PAUSE_MOST_S)
