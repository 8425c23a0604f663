"""A query → the customers, or the actions, of one page.

https://docs.voucherify.io/api-reference/customers/list-customers (checked 2026-10). A page cannot be beyond the 99th;
from there on, and for the official clients always, `starting_after` goes on behind a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from syncline.emulators.routes import Call
from syncline.emulators.voucherify import fields
from syncline.emulators.voucherify.actions import Action
from syncline.emulators.voucherify.customers import Customer
from syncline.emulators.voucherify.ids import moment_ms
from syncline.emulators.voucherify.problems import Problem, RefusedError, query
from syncline.emulators.voucherify.switches import Switches

MAX_LIMIT, MAX_PAGE = 100, 99
_USUAL_LIMIT = 10
_ORDERS = ("created_at", "updated_at", "source_id")
_NEWEST_FIRST = "-created_at"
Holds = Callable[[Customer], bool]


class Found(NamedTuple):
    """A page; total: how many there are on all pages."""

    customers: Sequence[Customer]
    total: int
    has_more: bool


def customers(held: Iterable[Customer], call: Call, switches: Switches) -> Found:
    """Raises RefusedError for a query that makes no sense."""
    limit, page = _number(call, "limit", _USUAL_LIMIT, MAX_LIMIT), _page(call, switches)
    order = call.parameter("order", _NEWEST_FIRST)
    field, falling = order.removeprefix("-"), order.startswith("-")
    if field not in _ORDERS:
        raise RefusedError(query(f"Property .order must be one of {','.join(_ORDERS)}"))
    wanted = _wanted(call)
    everybody = [customer for customer in held if all(holds(customer) for holds in wanted)]
    shown = sorted(_after(everybody, call, field, falling), key=lambda one: _key(one, field), reverse=falling)
    start = (page - 1) * limit
    return Found(shown[start : start + limit], len(everybody), len(shown) > start + limit)


def actions(held: Iterable[Action], call: Call) -> tuple[Sequence[Action], bool]:
    """The newest first, and whether there are more. Raises RefusedError."""
    limit, before = _number(call, "limit", _USUAL_LIMIT, MAX_LIMIT), _moment(call, "end_date")
    found = [action for action in held if before is None or action.created_ms < before][::-1]
    return found[:limit], len(found) > limit


def _after(held: Iterable[Customer], call: Call, field: str, falling: bool) -> Iterable[Customer]:
    """Those behind `starting_after`, in the direction of the order."""
    border = _moment(call, "starting_after")
    if border is None:
        return held
    time = _updated if field == "updated_at" else _created
    return (one for one in held if (time(one) < border if falling else time(one) > border))


def _key(customer: Customer, field: str) -> tuple[object, int]:
    """What to sort by; who is equal stands in the order of creation."""
    if field == "source_id":
        return customer.source_id or "", customer.number
    return (_updated if field == "updated_at" else _created)(customer), customer.number


def _created(customer: Customer) -> int:
    return customer.created_ms


def _updated(customer: Customer) -> int:
    return customer.updated_ms or customer.created_ms


def _wanted(call: Call) -> list[Holds]:
    """Every filter of the query."""
    wanted = [_is(read, call.parameter(name)) for name, read in _FILTERS.items() if call.parameter(name)]
    for name, time in (("created_at", _created), ("updated_at", _updated)):
        before, after = (_moment(call, f"{name}[{end}]") for end in ("before", "after"))
        if before is not None or after is not None:
            wanted.append(_between(time, after, before))
    return wanted


def _is(read: Callable[[Customer], str | None], value: str) -> Holds:
    return lambda customer: read(customer) == value


def _between(time: Callable[[Customer], int], after: int | None, before: int | None) -> Holds:
    return lambda customer: (before is None or time(customer) < before) and (after is None or time(customer) > after)


def _city(customer: Customer) -> str | None:
    address = customer.held().get("address", fields.NULL)
    return None if address == fields.NULL else fields.text(fields.members(address).get("city"))


_FILTERS: Mapping[str, Callable[[Customer], str | None]] = {
    "email": lambda customer: fields.text(customer.held().get("email")),
    "name": lambda customer: fields.text(customer.held().get("name")),
    "city": _city,
    "segment_id": lambda _: None,  # there are no segments, so nobody is in one
}


def _page(call: Call, switches: Switches) -> int:
    text = call.parameter("page", "1")
    over = text.isdecimal() and int(text[:9]) > MAX_PAGE
    if over and switches.page_over == "page_over_limit":
        told = f"Listing resource above {MAX_PAGE} page is not allowed"
        raise RefusedError(Problem("page_over_limit", "Page over limit", told))
    return _number(call, "page", 1, MAX_PAGE)


def _number(call: Call, name: str, usual: int, most: int) -> int:
    text = call.parameter(name, str(usual))
    if not text.isdecimal() or not 1 <= int(text[:9]) <= most:
        raise RefusedError(query(f"Property .{name} must be a number from 1 to {most}"))
    return int(text)


def _moment(call: Call, name: str) -> int | None:
    if not (text := call.parameter(name)):
        return None
    if (found := moment_ms(text)) is None:
        raise RefusedError(query(f"Property .{name} cannot be recognized as a ISO-8601 compliant date"))
    return found
