"""Rows → records: each attribute by its mapping, the key by the userId field. Absent is never null."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

from syncline.errors import Unfit
from syncline.flow import paths
from syncline.flow.attribute import Attribute as Attribute  # a mapper is made of them
from syncline.flow.attribute import Field
from syncline.flow.canonical import Hasher, assemble, canonical, identity_digest
from syncline.flow.pick import Pick, Rest
from syncline.flow.remarks import Remarks
from syncline.flow.transform import Transform
from syncline.model import Invalid, Record, Row, RowRef
from syncline.ports import Destination

MISSING = "missing; it identifies the person"

_EXACT_IN_A_DOUBLE = 2**53
_LONG_NUMBER = len(str(_EXACT_IN_A_DOUBLE))  # no number beyond it has fewer digits
_OMITTED = "had a value that could not be converted, and went without it"
_ROUNDED = "held a number above 2^53, which spreadsheets and JavaScript round: check its last digits"


class Mapper:
    """Rows → records, under one configuration and for one destination, which judges keys, names and values.

    missing: what is said of a row that has not the userId field; identified: did any row have it? names_seen: the
    fields of the first row that had not.
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
        missing: str = MISSING,
    ) -> None:
        self._user_id, self._destination, self._digest, self._transform = user_id, destination, digest, transform
        self._missing = missing
        inside = paths.Inside()
        self._identify = paths.at(user_id, inside)
        attributes = list(attributes)
        # Sorted by name, so that a body does not depend on the order in which mappings are written down.
        fields = sorted(
            (Field(attribute, inside) for attribute in attributes if not self._is_identifier(attribute)),
            key=lambda field: field.name,
        )
        self._prefixes = [(field.name, field.prefix) for field in fields]
        self._renames = [
            (field.name, field.label, paths.exceptions(field.empty, clears=field.clears))
            for field in fields
            if field.rename
        ]
        self._others = [field for field in fields if not field.rename]
        spoken_for = {user_id}.union(*((attribute.to, *attribute.names) for attribute in attributes))
        self._rest = Rest(pick, spoken_for, destination.reserved) if pick is not None else None
        self._remarks = Remarks()
        self._unmet = fields
        self.identified = False
        self.names_seen: list[str] = []

    def _is_identifier(self, attribute: Attribute) -> bool:
        """A mapping of the userId field to `id` is the identifier itself, which already travels as the key."""
        return attribute.to == "id" and attribute.names == [self._user_id]

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
                invalid.append(Invalid(row.ref, key or row.name, unfit.field, unfit.reason, unfit.rule))
        return records, invalid

    def _key_of(self, fields: Mapping[str, msgspec.Raw]) -> str:
        text = self._identify(fields)
        if text is None:
            self.names_seen = self.names_seen or list(fields)[:20]
            raise Unfit(self._user_id, self._missing, "identifier-missing")
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
            if (value := self._value(field, fields, ref)) is not None:
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

    def _value(self, field: Field, fields: Mapping[str, msgspec.Raw], ref: RowRef) -> bytes | None:
        """Where a mapping says so, a value that cannot be converted is left out and told of."""
        try:
            return field.value(fields)
        except Unfit:
            if not field.omits:
                raise
            self._remarks.add(field.name, _OMITTED, ref)
            return None

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
