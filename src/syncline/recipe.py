"""A configuration's mappings → what makes a row a record, and a fingerprint of everything that decides it."""

from __future__ import annotations

from syncline import config as configuration
from syncline.errors import printable
from syncline.flow.attribute import Otherwise
from syncline.flow.canonical import Fields, Hasher, canonical, encode, identity_digest
from syncline.flow.mapping import MISSING, Attribute, Mapper
from syncline.flow.pick import Pick
from syncline.flow.transform import load_transform
from syncline.model import Kind, Record, RowRef
from syncline.ports import Destination


class Recipe:
    """How one sync makes records. user_id: the field that identifies a person."""

    def __init__(self, loaded: configuration.Loaded, destination: Destination) -> None:
        sync = loaded.sync
        self.user_id = sync.user_id
        self._destination = destination
        self._digest = Hasher(Kind.UPSERT, destination.fingerprint)
        self._attributes = [_attribute(mapping, sync) for mapping in sync.mappings]
        self._pick, self._transform = _pick(sync), loaded.transform
        self._missing = _missing(sync)
        self.fingerprint = self._fingerprint()

    def mapper(self) -> Mapper:
        """Rows → records. Raises `ConfigRefused` where the `transform` cannot be imported."""
        transform = load_transform(*self._transform) if self._transform else None
        return Mapper(
            self.user_id,
            self._attributes,
            self._destination,
            self._digest,
            pick=self._pick,
            transform=transform,
            missing=self._missing,
        )

    def record(self, ref: RowRef, key: str, body: bytes) -> Record:
        """The record of a body that was made of several."""
        held = {name: bytes(value) for name, value in Fields.decode(body).items()}
        return Record(ref, key, body, self._digest(body), identity_digest(self._destination.also(key, held)))

    def _fingerprint(self) -> str:
        picked = [sorted(self._pick.except_names), *self._pick[1:]] if self._pick else None
        function = [self._transform.path.read_bytes(), self._transform.function] if self._transform else None
        decides = [self.user_id, [*map(_decides, self._attributes)], picked, function]
        return self._digest(encode(decides)).hex()


def _decides(attribute: Attribute) -> tuple[object, ...]:
    """`else` and `onError` are younger than fingerprints are: a mapping without them has the one that it always had."""
    if attribute.omits:
        return attribute
    return attribute[:-1] if attribute.otherwise else attribute[:-2]


def _missing(sync: configuration.Sync) -> str:
    """What a row lacks that nobody can be identified by, in the words of its source."""
    source = sync.source
    kind = configuration.external_id_in(sync.user_id, source) if isinstance(source, configuration.Segment) else ""
    return f"the profile has no external id of the type {printable(kind[:40])}" if kind else MISSING


def _pick(sync: configuration.Sync) -> Pick | None:
    if sync.pick is None:
        return None
    return Pick(frozenset(sync.except_), clears=sync.nulls == "clear", empty=sync.empty or "")


def _attribute(mapping: configuration.Mapping, sync: configuration.Sync) -> Attribute:
    """The configuration's word for it → the mapping stage's."""
    return Attribute(
        sources=mapping.sources,
        to=mapping.to,
        join=mapping.join,
        constant=canonical(encode(mapping.constant)) if mapping.has_constant else None,
        default=canonical(encode(mapping.default)) if mapping.has_default else None,
        cast=mapping.cast,
        clears=(mapping.nulls or sync.nulls) == "clear",
        empty=mapping.empty or sync.empty or "",
        normalise=mapping.normalise,
        hash=mapping.hash,
        otherwise=Otherwise(mapping.otherwise.sources, mapping.otherwise.join) if mapping.otherwise else None,
        omits=mapping.on_error == "omit",
    )
