"""A simulated Voucherify: bulk upserts with actions, single upserts, the probe, hourly quotas.

What the vendor does not say is a switch: whether `metadata` is merged or replaced; when a customer is written (as the
action is accepted, or as it ends). Actions end one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from random import Random

import msgspec

from simulation.api import Api, answer
from simulation.film import Call, Film, Op, spelt
from simulation.people import judged, marks
from syncline.model import Request, Response
from virtual import EPOCH

FATES = ("done", "done", "done", "slow", "stuck", "failed", "failed, applied", "forgotten")


@dataclass
class Action:
    """A bulk upsert under way. fate: one of `FATES`; a stuck one never ends."""

    name: str
    ops: Sequence[Op]
    fate: str
    ends: float
    written: bool = False


class Vouchers(Api):
    """held: key → flat attributes; quota: bulk calls an hour, 0 for no limit; fates: of actions, to choose from."""

    name = "voucherify"

    def __init__(self, film: Film, dice: Random, *, replaces: bool, at_once: bool, quota: int) -> None:
        super().__init__(film, dice)
        self.held: dict[str, dict[str, object]] = {}
        self.actions: dict[str, Action] = {}
        self.fates: Sequence[str] = ("done",)
        self._replaces, self._at_once, self.quota = replaces, at_once, quota
        self._hour, self._used = -1, 0

    def is_probe(self, request: Request) -> bool:
        return request.method == "GET" and request.path.startswith("/v1/customers")

    def ops(self, request: Request) -> Sequence[Op]:
        if request.method == "GET":
            return ()
        body = msgspec.json.decode(request.body)
        return [_op(row) for row in (body if isinstance(body, list) else [body])]

    # --- serving --------------------------------------------------------------------------------------------------

    def serve(self, call: Call) -> Response:
        if call.is_probe:
            return answer(200, {"object": "list", "customers": [], "total": 0})
        if call.request.method == "GET":
            return self._asked(self.actions.get(_action_of(call.request)))
        if (spent := self._spent(call)) is not None:
            return spent
        refusal = judged(marks(call.ops), mended=self.mended)
        if refusal is not None:
            return refusal
        if call.request.path == "/v1/customers":
            if "blamed" in marks(call.ops):
                return answer(
                    400, {"code": 400, "message": "Invalid customer", "details": "Property .name must be string"}
                )
            self._write(call.ops)
            return answer(200, {**msgspec.json.decode(call.request.body), "object": "customer"})
        return self._accepted(call)

    def _accepted(self, call: Call) -> Response:
        fate = self.dice.choice(self.fates)
        now = self.film.clock.now
        queue = max([now, *(action.ends for action in self.actions.values() if action.fate != "stuck")])
        ends = queue + self.dice.uniform(0.2, 4.0 if "slow" in self.fates else 0.3) + (60.0 if fate == "slow" else 0.0)
        action = Action(f"aa_{len(self.actions) + 1:018x}", call.ops, fate, ends)
        self.actions[action.name] = action
        if self._at_once or fate == "stuck":
            self._carry_out(action)
        return answer(202, {"async_action_id": action.name}, **self._left())

    def settle(self) -> None:
        """What has ended by now is done, asked for or not."""
        for action in self.actions.values():
            if action.ends <= self.film.clock.now:
                self._carry_out(action)

    def _carry_out(self, action: Action) -> None:
        if not action.written and action.fate not in {"failed", "forgotten"}:
            self._write([op for op in action.ops if not marks([op]) & {"blamed"}])
        action.written = True

    def _asked(self, action: Action | None) -> Response:
        self.settle()
        if action is None or action.fate == "forgotten":
            return answer(404, {"code": 404, "key": "not_found", "message": "Resource not found"})
        under_way = action.fate == "stuck" or action.ends > self.film.clock.now
        told = {"id": action.name, "object": "async_action", "progress": 50 if under_way else 100}
        if under_way:
            return answer(200, told | {"status": "IN_PROGRESS"})
        if action.fate in {"failed", "failed, applied"}:
            return answer(200, told | {"status": "FAILED"})
        return answer(200, told | _result(action))

    def _write(self, ops: Sequence[Op]) -> None:
        for op in ops:
            held = self.held.setdefault(op.key, {})
            if self._replaces:
                for name in [name for name in held if name.startswith("metadata.")]:
                    del held[name]
            held.update(op.attributes)

    # --- quotas ---------------------------------------------------------------------------------------------------

    def _spent(self, call: Call) -> Response | None:
        """One more bulk call of this hour's."""
        if not self.quota or call.request.path == "/v1/customers":
            return None
        hour = int((EPOCH + self.film.clock.now) // 3600)
        self._hour, self._used = hour, (self._used if hour == self._hour else 0) + 1
        return answer(429, {"code": 429}, **self._left()) if self._used > self.quota else None

    def _left(self) -> dict[str, str]:
        if not self.quota:
            return {}
        left, more_at = max(0, self.quota - self._used), (self._hour + 1) * 3600
        return {
            "x-rate-limit-remaining": str(left),
            "x-rate-limit-retry": str(more_at),
            "x-rate-limit-type": "bulk_api_calls",
            "date": formatdate(EPOCH + self.film.clock.now, usegmt=True),
        }

    # --- what answers prove ---------------------------------------------------------------------------------------

    def conclude(self, call: Call, response: Response) -> None:
        """A 202 proves nothing; an action that is done does."""
        if call.request.method == "POST":
            call.acked = call.ops if response.status == 200 else ()
            return
        action = self.actions.get(_action_of(call.request))
        told = msgspec.json.decode(response.body)
        if action is not None and told.get("status") in {"DONE", "FAILED"} and "result" in told:
            failed = {"source_id:" + error["source_id"] for error in told["result"]["errors"]}
            call.acked = [op for op in action.ops if op.key not in failed]
            call.refused = [op for op in action.ops if op.key in failed]


def _action_of(request: Request) -> str:
    return request.path.rpartition("/")[2]


def _op(row: Mapping[str, object]) -> Op:
    """Nested, as it travels → flat, as it was mapped."""
    flat: dict[str, object] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": one for key, one in value.items()}
        elif name != "source_id":
            flat[name] = value
    return Op(f"source_id:{row['source_id']}", spelt(flat))


def _result(action: Action) -> dict[str, object]:
    """DONE with failures, or FAILED with all of them listed."""
    bad = [op.key.removeprefix("source_id:") for op in action.ops if marks([op]) & {"blamed"}]
    errors = [{"message": "Metadata validation failed", "source_id": one} for one in bad]
    counts = {"done_count": len(action.ops) - len(bad), "failed_count": len(bad)}
    return {
        "status": "DONE" if len(bad) < len(action.ops) else "FAILED",
        "result": {**counts, "reports": [], "errors": errors},
    }
