"""What is wrong with what was sent, in the vendor's words.

https://docs.voucherify.io/api-reference/errors (checked 2026-10)
"""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """key: for programs; message: what kind of error; details: which property, and what is expected of it."""

    key: str
    message: str
    details: str


class RefusedError(Exception):
    """The request is answered `status`, with this problem. resource: whose id was asked for, and of which type."""

    def __init__(self, problem: Problem, status: int = 400, resource: tuple[str, str] | None = None) -> None:
        self.problem, self.status, self.resource = problem, status, resource
        super().__init__(problem.details)


def payload(details: str) -> Problem:
    return Problem("invalid_payload", "Invalid payload", details)


def query(details: str) -> Problem:
    return Problem("invalid_query_params", "Invalid query params", details)


def missing(what: str, identifier: str) -> RefusedError:
    """`what`: `customer` or `async_action`."""
    problem = Problem("not_found", "Resource not found", f"Cannot find {what} with id {identifier}")
    return RefusedError(problem, 404, (identifier, what))
