"""The facts of Voucherify's API, and what a configuration may say about it.

The facts are the vendor's: https://docs.voucherify.io and its OpenAPI document,
https://github.com/voucherifyio/voucherify-openapi (checked 2026-10). Those about fields are in fields.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

# What the configuration asks of a destination besides its settings.
from syncline.destinations.voucherify.fields import MEANINGS as MEANINGS
from syncline.destinations.voucherify.fields import refuse_name as refuse_name

# Hosts by cluster: https://docs.voucherify.io/guides/api-overview (checked 2026-10)
HOSTS = {
    "eu": "https://api.voucherify.io",
    "us": "https://us1.api.voucherify.io",
    "as": "https://as1.api.voucherify.io",
}

MODES = ("upsert",)  # no call of this API updates many customers and creates none

# Bytes of one bulk upsert: its description in the OpenAPI document, whose 413 names this very number (checked 2026-10).
# How many customers it may hold is not published; until August 2024 it was 100. One customer has the same room.
REQUEST_BYTES = 10_485_760
# Requests a minute of the Organization plan: https://docs.voucherify.io/guides/limits (checked 2026-10). The Business
# plan has 100, a sandbox 100 an hour; what is left is in the headers of every answer, and is kept to.
REQUESTS_PER_MINUTE = 2_000
# Voucherify publishes no limit on the fields of a customer. This one is ours: a longer list of mappings is a mistake.
ATTRIBUTES = 1_000


class Settings(BaseModel):
    """What a configuration may say under `destination`. Bytes are UTF-8; times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Annotated[Literal["voucherify"], Field(description="The kind of destination.")] = "voucherify"
    application_id: Annotated[
        SecretStr, Field(alias="applicationId", description="The Application ID of the project's server-side key.")
    ]
    secret_key: Annotated[
        SecretStr, Field(alias="secretKey", description="The Secret Key of the project's server-side key.")
    ]
    region: Annotated[
        Literal["eu", "us", "as"], Field(description="The cluster the project lives in; Asia is `as`.")
    ] = "eu"
    api: Annotated[
        Literal["bulk", "single"],
        Field(description="bulk: thousands of customers a request (bulk upsert); single: one request a customer."),
    ] = "bulk"
    workspace: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{0,100}$",
            description="A label for the project: the ledger then goes by it, and survives a change of the key.",
        ),
    ] = ""
    base_url: Annotated[
        str,
        Field(
            alias="baseUrl",
            description="The API's origin, instead of the region's; https; http on this machine only.",
        ),
    ] = ""
    rate: Annotated[
        float, Field(gt=0, le=10_000, description="Requests a second, at most; bulk upserts are counted by themselves.")
    ] = 30.0
    timeout: Annotated[
        float | None,
        Field(gt=0, le=600, description="Seconds one request may take. Default: 60 for a bulk upsert, 30 for others."),
    ] = None
    poll_timeout: Annotated[
        float,
        Field(
            alias="pollTimeout",
            gt=0,
            le=86_400,
            description="Seconds a bulk upsert may take once it is accepted; its rows are then `unknown`.",
        ),
    ] = 900.0
    batch_items: Annotated[
        int, Field(alias="batchItems", ge=1, le=100_000, description="Customers in one bulk upsert, at most.")
    ] = 2_000
    batch_bytes: Annotated[
        int, Field(alias="batchBytes", ge=1_000, le=REQUEST_BYTES, description="Bytes of one bulk upsert, at most.")
    ] = REQUEST_BYTES


def cautions(settings: Settings) -> list[str]:
    """What is allowed and asks for trouble. An origin of one's own has limits of its own."""
    if settings.rate * 60 <= REQUESTS_PER_MINUTE or settings.base_url:
        return []
    return [
        f"destination.rate is {settings.rate:,g} requests a second; Voucherify's Organization plan takes"
        f" {REQUESTS_PER_MINUTE:,} a minute, and refuses what is above"
    ]
