"""The facts of Customer.io's API, and what a configuration may say about it.

The facts are the vendor's: https://docs.customer.io/api/track/ and https://docs.customer.io/api/app/ (checked 2026-10).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from syncline.destinations.meaning import Meaning, is_text

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


# Requests a second, at most: https://docs.customer.io/api/track/ (what is above may be slowed down, dropped or blocked)
# and https://docs.customer.io/api/app/ (checked 2026-10)
TRACK_RATE = 1_000
APP_RATE = 10


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_truth(value: object) -> bool:
    return isinstance(value, bool) or value in (0, 1, "0", "1", "true", "false")


# https://docs.customer.io/api/track/ and, of `unsubscribed`, that everything but true, "true", 1 and "1" is taken for
# false (checked 2026-10)
MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {
        "created_at": Meaning("a time in unix seconds", frozenset({"timestamp", "integer", "number"}), _is_time),
        "email": Meaning("an e-mail address", frozenset({"string"}), is_text),
        "unsubscribed": Meaning("true or false", frozenset({"boolean", "integer", "string"}), _is_truth),
    }
)


class Settings(BaseModel):
    """What a configuration may say under `destination`. Bytes are UTF-8; `timeout` is in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Annotated[Literal["customerio"], Field(description="The kind of destination.")] = "customerio"
    site_id: Annotated[
        SecretStr, Field(alias="siteId", description="The site id of the workspace's Tracking API credentials.")
    ]
    api_key: Annotated[
        SecretStr, Field(alias="apiKey", description="The API key of the workspace's Tracking API credentials.")
    ]
    app_api_key: Annotated[
        SecretStr | None,
        Field(alias="appApiKey", description="A key of the App API; needed only to read people back."),
    ] = None
    region: Annotated[Literal["us", "eu"], Field(description="Where the workspace lives.")] = "us"
    api: Annotated[
        Literal["batch", "identify"],
        Field(description="batch: up to 500 people a request (Track v2); identify: one request a person (Track v1)."),
    ] = "batch"
    identifier: Annotated[
        Literal["auto", "id", "email", "cio_id"],
        Field(
            description="What the userId field holds. auto tells by its shape: cio_…, an e-mail address, else an id."
        ),
    ] = "auto"
    workspace: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{0,100}$",
            description="A label for the workspace: the ledger then goes by it, and survives a change of the site id.",
        ),
    ] = ""
    base_url: Annotated[
        str,
        Field(
            alias="baseUrl",
            description="The Track API's origin, instead of the region's; https; http on this machine only.",
        ),
    ] = ""
    app_base_url: Annotated[
        str,
        Field(
            alias="appBaseUrl",
            description="The App API's origin, instead of the region's; https; http on this machine only.",
        ),
    ] = ""
    rate: Annotated[float, Field(gt=0, le=10_000, description="Requests a second to the Track API, at most.")] = 900.0
    app_rate: Annotated[
        float, Field(alias="appRate", gt=0, le=1_000, description="Requests a second to the App API, at most.")
    ] = 9.0
    rows_per_second: Annotated[
        float, Field(alias="rowsPerSecond", ge=0, description="People sent a second, at most; 0: no limit of its own.")
    ] = 0.0
    timeout: Annotated[
        float | None,
        Field(gt=0, le=600, description="Seconds one request may take. Default: 60 for a batch, 30 for one person."),
    ] = None
    batch_items: Annotated[
        int, Field(alias="batchItems", ge=1, le=500, description="People in one batch, at most.")
    ] = 500
    batch_bytes: Annotated[
        int, Field(alias="batchBytes", ge=1_000, le=REQUEST_BYTES, description="Bytes of one batch, at most.")
    ] = REQUEST_BYTES


def cautions(settings: Settings) -> list[str]:
    """What is allowed and asks for trouble. An origin of one's own has limits of its own."""
    asked = (
        ("rate", settings.rate, TRACK_RATE, settings.base_url),
        ("appRate", settings.app_rate, APP_RATE, settings.app_base_url),
    )
    return [
        f"destination.{key} is {rate:,g} requests a second; Customer.io asks for at most {most:,},"
        " and may slow down, drop or block what is above"
        for key, rate, most, origin in asked
        if rate > most and not origin
    ]


def refuse_name(target: str, is_identifier: bool) -> tuple[str, str] | None:
    """Why no mapping may write to this name: (found, fix), or None. `is_identifier`: it maps the userId field."""
    if target == "id" and not is_identifier:
        return "another field than userId is mapped to id, which would re-key people", "Map it to another name."
    if target in RESERVED:
        return f"{target} is reserved by Customer.io", "Map it to another name."
    if target.startswith("_"):
        return "names that start with _ are reserved by Customer.io", "Map it to another name."
    return None
