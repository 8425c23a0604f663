"""Voucherify's side of conversations played by hand: its destination, its customers and what its actions say."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from play import answer, change
from syncline.destinations.voucherify import Settings, Voucherify
from syncline.model import Item, Response

ACTION = "aa_0c5547cc5e17b617b6"


def voucherify(**settings: object) -> Voucherify:
    return Voucherify(Settings.model_validate({"applicationId": "app-id", "secretKey": "secret"} | settings))


def customers(*ids: str, destination: Voucherify | None = None) -> list[Item]:
    """One item an id, each with a name."""
    encode = (destination or voucherify()).encode
    return [encode(change(f"source_id:{one}", {"name": "Ada"}, entry)) for entry, one in enumerate(ids, start=1)]


def texts(record: Mapping[str, object]) -> dict[str, bytes]:
    """`bytes` are JSON as it stands."""
    return {name: value if isinstance(value, bytes) else msgspec.json.encode(value) for name, value in record.items()}


def accepted() -> Response:
    return answer(202, {"async_action_id": ACTION})


def action(status: str, result: object = None, **more: object) -> Response:
    """The action as it is asked for."""
    about = {"id": ACTION, "type": "CUSTOMERS.BULK_UPDATE", "status": status, "object": "async_action", "progress": 50}
    return answer(200, {**about, **({} if result is None else {"result": result}), **more})


def done(done_count: object, failed_count: object = 0, errors: object = (), **more: object) -> Response:
    """An action that ended, as they are told since August 2024."""
    report = {"reports": ["https://dl.example/report.csv"], "reports_available_till": "2026-11-06T08:26:13.304Z"}
    counts = {"done_count": done_count, "failed_count": failed_count, "errors": errors}
    return action("DONE", {**counts, **report, **more}, operation_status="SUCCESS", progress=100)


def error(source_id: object, details: str = "", key: str = "invalid_payload") -> dict[str, object]:
    return {"message": "Invalid payload", "details": details, "key": key, "source_id": source_id}


def done_inline(done_count: object, results: object, **more: object) -> Response:
    """An action that ended, as they were told until August 2024."""
    return action("DONE", {"results": results, "done_count": done_count, **more})


def updated(source_id: object, was: object = True) -> dict[str, object]:
    return {"source_id": source_id, "updated": was, "found": was}
