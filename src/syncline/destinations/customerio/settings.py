"""The facts of Customer.io's API, and what a configuration may say about it.

The facts are the vendor's: https://docs.customer.io/api/track/ and https://docs.customer.io/api/app/ (checked 2026-10).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

# Hosts by region: the `servers` of https://docs.customer.io/api/track/ and /api/app/ (checked 2026-10)
TRACK_HOSTS = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}
APP_HOSTS = {"us": "https://api.customer.io", "eu": "https://api-eu.customer.io"}

# Limits, in bytes of UTF-8: https://docs.customer.io/api/track/ (checked 2026-10). Whether a KB is 1000
# or 1024 bytes is not said there, so the smaller reading is used: it holds under both.
IDENTIFIER_BYTES = 150
NAME_BYTES = 150
VALUE_BYTES = 1_000
ATTRIBUTES = 300
ITEM_BYTES = 32_000
REQUEST_BYTES = 500_000
LOOK_UP_IDS = 100  # ids one attributes read may name: https://docs.customer.io/api/app/ (checked 2026-10)

# Names a person cannot be given as attributes: they are identifiers, or the API's own switches.
RESERVED = {"cio_id", "cio_relationships", "identifiers"}


class Settings(BaseModel):
    """What a configuration may say under `destination`. Bytes are UTF-8; `timeout` is in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["customerio"] = "customerio"
    site_id: Annotated[SecretStr, Field(alias="siteId")]
    api_key: Annotated[SecretStr, Field(alias="apiKey")]
    app_api_key: Annotated[SecretStr | None, Field(alias="appApiKey")] = None
    region: Literal["us", "eu"] = "us"
    api: Literal["batch", "identify"] = "batch"
    identifier: Literal["auto", "id", "email", "cio_id"] = "auto"
    workspace: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = ""
    base_url: Annotated[str, Field(alias="baseUrl")] = ""
    app_base_url: Annotated[str, Field(alias="appBaseUrl")] = ""
    rate: Annotated[float, Field(gt=0, le=10_000)] = 900.0
    app_rate: Annotated[float, Field(alias="appRate", gt=0, le=1_000)] = 9.0
    rows_per_second: Annotated[float, Field(alias="rowsPerSecond", ge=0)] = 0.0
    timeout: Annotated[float | None, Field(gt=0, le=600)] = None
    batch_items: Annotated[int, Field(alias="batchItems", ge=1, le=500)] = 500
    batch_bytes: Annotated[int, Field(alias="batchBytes", ge=1_000, le=REQUEST_BYTES)] = REQUEST_BYTES


def refuse_name(target: str, is_identifier: bool) -> tuple[str, str] | None:
    """Why no mapping may write to this name: (found, fix), or None. `is_identifier`: it maps the userId field."""
    if target == "id" and not is_identifier:
        return "another field than userId is mapped to id, which would re-key people", "Map it to another name."
    if target in RESERVED:
        return f"{target} is reserved by Customer.io", "Map it to another name."
    if target.startswith("_"):
        return "names that start with _ are reserved by Customer.io", "Map it to another name."
    return None
