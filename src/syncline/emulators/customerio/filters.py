"""A search filter of the App API → does a person match?

`and`, `or` and `not` over `{"segment": {"id": 7}}` and `{"attribute": {"field": "plan", "operator": "eq", "value":
"x"}}`; the other operator is `exists`. Values are compared as the text they are read back as.
https://docs.customer.io/integrations/api/app/tag/customers/ (checked 2026-10)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from syncline.emulators.customerio.people import Person, read_back
from syncline.emulators.customerio.segments import Segments

Matches = Callable[[Person], bool]
_DEEPEST = 20


def matcher(filter_: object, segments: Segments, depth: int = 0) -> Matches:
    """Raises ValueError with what is wrong with the filter."""
    if not isinstance(filter_, dict) or len(filter_) != 1 or depth > _DEEPEST:
        raise ValueError("a filter is an object with one of and, or, not, segment, attribute")
    ((word, operand),) = filter_.items()
    if word in ("and", "or"):
        return _several(word, operand, segments, depth)
    if word == "not":
        inner = matcher(operand, segments, depth + 1)
        return lambda person: not inner(person)
    if word == "segment":
        return _member(operand, segments)
    if word == "attribute":
        return _attribute(operand)
    raise ValueError(f"{str(word)[:40]!r} is none of and, or, not, segment, attribute")


def _several(word: str, operand: object, segments: Segments, depth: int) -> Matches:
    if not isinstance(operand, list) or not operand:
        raise ValueError(f"{word} needs a list of filters")
    inner = [matcher(one, segments, depth + 1) for one in operand]
    holds = all if word == "and" else any
    return lambda person: holds(one(person) for one in inner)


def _member(operand: object, segments: Segments) -> Matches:
    number = operand.get("id") if isinstance(operand, dict) else None
    segment = segments.by_id.get(number) if isinstance(number, int) else None
    if segment is None:
        raise ValueError("segment needs the id of a segment that exists")
    members = segment.members
    return lambda person: person.number in members


def _attribute(operand: object) -> Matches:
    given: Mapping[str, object] = operand if isinstance(operand, dict) else {}
    field, operator, value = given.get("field"), given.get("operator"), given.get("value")
    if not isinstance(field, str) or not field:
        raise ValueError("attribute needs a field")
    if operator == "exists":
        return lambda person: _read(person, field) is not None
    if operator == "eq" and isinstance(value, str | int | float):
        wanted = str(value).lower() if isinstance(value, bool) else str(value)
        return lambda person: _read(person, field) == wanted
    raise ValueError("attribute needs the operator exists, or eq and a value")


def _read(person: Person, field: str) -> str | None:
    if field == "cio_id":
        return person.cio_id
    if field in ("id", "email"):
        return person.id if field == "id" else person.email
    raw = person.given().get(field)
    return None if raw is None else read_back(raw)
