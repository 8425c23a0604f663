"""Rows → records: rename, path, first present, join, constant, default, cast, normalise, hash. Absent is never null."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from syncline.errors import Unfit
from syncline.flow import paths
from syncline.flow.canonical import Hasher, assemble, canonical, encode, identity_digest
from syncline.flow.casts import CASTS
from syncline.flow.normalise import HASHES, NORMALISERS, TRIMMING
from syncline.flow.paths import CLEARS, EMPTY_TEXT, NULL
from syncline.flow.pick import Pick, Rest
from syncline.flow.remarks import Remarks
from syncline.flow.transform import Transform
from syncline.model import Invalid, Record, Row, RowRef
from syncline.ports import Destination

_EXACT_IN_A_DOUBLE = 2**53
_LONG_NUMBER = len(str(_EXACT_IN_A_DOUBLE))  # no number beyond it has fewer digits
_ROUNDED = "held a number above 2^53, which spreadsheets and JavaScript round: check its last digits"


class Attribute(NamedTuple):
    """How one attribute is made. `constant` and `default` are canonical JSON. `clears`: an explicit null travels.

    empty: what an empty value means: omit | keep | clear; "" for the custom of its source (an empty cell of a CSV file
    is absent, an empty text of a JSON file is a value). normalise: email | phone | lower | trim; what that leaves empty
    counts as an empty cell. hash: sha256, in lower-case hexadecimal; what is null or empty has none.
    """

    sources: Sequence[str]
    to: str
    join: str | None = None
    constant: bytes | None = None
    default: bytes | None = None
    cast: str | None = None
    clears: bool = False
    empty: str = ""
    normalise: str | None = None
    hash: str | None = None


class _Field:
    """One attribute, ready to be made."""

    def __init__(self, attribute: Attribute) -> None:
        self.name, self.clears, self.empty = attribute.to, attribute.clears, attribute.empty
        self.label = " + ".join(attribute.sources) if attribute.join is not None else " | ".join(attribute.sources)
        self.prefix = encode(attribute.to) + b":"
        self._default = attribute.default
        self._cast = CASTS[attribute.cast] if attribute.cast else None
        self._normalise = NORMALISERS[attribute.normalise] if attribute.normalise else None
        self._hash = HASHES[attribute.hash] if attribute.hash else None
        self._reads = [paths.at(source) for source in attribute.sources]
        self._read = _reader(attribute, self._reads)
        self.rename = (
            attribute == Attribute(attribute.sources[:1], attribute.to, clears=self.clears, empty=self.empty)
            and "." not in attribute.sources[0]
        )

    def is_in(self, fields: Mapping[str, msgspec.Raw]) -> bool:
        """Does the row have what this attribute reads, be it empty or null? A constant is always there."""
        return not self._reads or any(read(fields) is not None for read in self._reads)

    def value(self, fields: Mapping[str, msgspec.Raw]) -> bytes | None:
        """The mapped value as canonical JSON; None when the row has nothing to say. Raises `Unfit`.

        A default stands in for what is absent, and then fares as if the row had said it.
        """
        text = self._read(fields)
        if text is None:
            text = self._default
        if text and text != NULL:
            text = self._converted(canonical(text))
        if text == CLEARS:
            return NULL
        return text if self.clears or text != NULL else None

    def _converted(self, text: bytes) -> bytes | None:
        """Cast, then normalised, then hashed. A cast may give null: `as: json` reads it from text."""
        try:
            if self._cast is not None:
                text = self._cast(text)
            if self._normalise is not None and text != NULL:
                text = self._normalise(text)
                if text == EMPTY_TEXT:
                    return paths.EMPTIES[self.empty][b""]
            # The hash of an empty text would look like somebody's, and would not clear.
            if self._hash is not None and text not in {NULL, EMPTY_TEXT}:
                text = self._hash(text)
        except Unfit as unfit:
            raise Unfit(self.label or self.name, unfit.reason, unfit.rule) from None
        return text


def _reader(attribute: Attribute, reads: Sequence[paths.Read]) -> paths.Read:
    if (constant := attribute.constant) is not None:
        return lambda fields: constant
    if attribute.normalise in TRIMMING:
        reads = [paths.blank_is_empty(read) for read in reads]
    filled = [paths.filled(read, attribute.empty) for read in reads]
    if attribute.join is not None:
        return paths.joined(filled, attribute.join)
    return filled[0] if len(filled) == 1 else paths.first(filled)


class Mapper:
    """Rows → records, under one configuration and for one destination, which judges keys, names and values.

    identified: did any row have the userId field? names_seen: the fields of the first row that had not.
    """

    def __init__(
        self,
        user_id: str,
        attributes: Iterable[Attribute],
        destination: Destination,
        digest: Hasher,
        *,
        pick: Pick | None = None,
        transform: Transform | None = None,
    ) -> None:
        self._user_id, self._destination, self._digest, self._transform = user_id, destination, digest, transform
        self._identify = paths.at(user_id)
        attributes = list(attributes)
        # Sorted by name, so that a body does not depend on the order in which mappings are written down.
        fields = sorted(
            (_Field(attribute) for attribute in attributes if not self._is_identifier(attribute)), key=lambda f: f.name
        )
        self._prefixes = [(field.name, field.prefix) for field in fields]
        self._renames = [
            (field.name, field.label, paths.exceptions(field.empty, clears=field.clears))
            for field in fields
            if field.rename
        ]
        self._others = [field for field in fields if not field.rename]
        spoken_for = {user_id}.union(*((attribute.to, *attribute.sources) for attribute in attributes))
        self._rest = Rest(pick, spoken_for, destination.reserved) if pick is not None else None
        self._remarks = Remarks()
        self._unmet = fields
        self.identified = False
        self.names_seen: list[str] = []

    def _is_identifier(self, attribute: Attribute) -> bool:
        """A mapping of the userId field to `id` is the identifier itself, which already travels as the key."""
        return attribute.to == "id" and list(attribute.sources) == [self._user_id]

    def __call__(self, rows: Iterable[Row]) -> tuple[list[Record], list[Invalid]]:
        records: list[Record] = []
        invalid: list[Invalid] = []
        for row in rows:
            key = ""
            try:
                if row.fault:
                    raise Unfit("", row.fault, "row-unreadable")
                fields = row.fields if self._transform is None else self._transform(row.fields)
                if self._unmet:
                    self._unmet = [field for field in self._unmet if not field.is_in(fields)]
                key = self._key_of(fields)
                records.append(self._record(row.ref, key, fields))
            except Unfit as unfit:
                invalid.append(Invalid(row.ref, key, unfit.field, unfit.reason, unfit.rule))
        return records, invalid

    def _key_of(self, fields: Mapping[str, msgspec.Raw]) -> str:
        text = self._identify(fields)
        if text is None:
            self.names_seen = self.names_seen or list(fields)[:20]
            raise Unfit(self._user_id, "missing; it identifies the person", "identifier-missing")
        self.identified = True
        if not text:
            raise Unfit(self._user_id, "an empty cell; it identifies the person", "identifier-missing")
        try:
            return self._destination.key(_identifier(text))
        except Unfit as unfit:
            raise Unfit(self._user_id, unfit.reason, unfit.rule) from None

    def _record(self, ref: RowRef, key: str, fields: Mapping[str, msgspec.Raw]) -> Record:
        """Most fields are only renamed: taken as they stand, until one look at the whole row says they may not be."""
        record: dict[str, bytes] = {}
        for name, source, instead in self._renames:
            if source in fields:
                text = bytes(fields[source])
                if text not in instead:
                    record[name] = text
                elif (other := instead[text]) is not None:
                    record[name] = other
        for field in self._others:
            if (value := field.value(fields)) is not None:
                record[field.name] = value
        if self._rest is not None:
            record |= self._rest(fields)
        body = self._assembled(record)
        if not _is_flat(body):
            record = {name: canonical(text) for name, text in record.items()}
            body = self._assembled(record)
        self._destination.check(key, record)
        for remark in self._destination.remarks(key, record):
            self._remarks.add(remark.field or self._user_id, remark.what, ref)
        if len(key) > _LONG_NUMBER and self._may_be_rounded(key, fields):
            self._remarks.add(self._user_id, _ROUNDED, ref)
        return Record(ref, key, body, self._digest(body), identity_digest(self._destination.also(key, record)))

    def _assembled(self, record: dict[str, bytes]) -> bytes:
        if self._rest is not None:
            return assemble(record)
        return b"{" + b",".join([prefix + record[name] for name, prefix in self._prefixes if name in record]) + b"}"

    def _may_be_rounded(self, key: str, fields: Mapping[str, msgspec.Raw]) -> bool:
        """Is the identifier a number that not every program reads digit for digit? Here it has all its digits."""
        text = self._identify(fields) if key[-_LONG_NUMBER:].isdecimal() else None
        return text is not None and text[:1] != b'"' and abs(int(text)) > _EXACT_IN_A_DOUBLE

    def warnings(self) -> list[str]:
        """What there is to tell of the rows mapped so far, besides the fields that none of them had."""
        return [*(self._rest.warnings() if self._rest else ()), *self._remarks.lines()]

    def never_met(self) -> list[str]:
        """The mapped fields that no row had, whether or not the rows were of use."""
        return [field.label for field in self._unmet if field.label]


def _is_flat(body: bytes) -> bool:
    """No escape, no object and no list in it: then it is canonical as it stands. A no may be a false alarm.

    Most bodies have none of these bytes, and `find` sees that in a fifth of the time that the pairs take.
    """
    if body.find(b"\\") >= 0:
        return False
    return (body.find(b"{", 1) < 0 or b":{" not in body) and (body.find(b"[") < 0 or b":[" not in body)


def _identifier(text: bytes) -> object:
    """What the row names a person by, as Python has it; a float for every number that is not written as an integer."""
    if text == b"-0":
        return -0.0  # JSON knows it and identifiers do not; msgspec would read the integer 0
    try:
        return msgspec.json.decode(text)
    except msgspec.ValidationError:  # a number beyond a double
        return math.inf
