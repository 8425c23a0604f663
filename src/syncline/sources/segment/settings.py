"""The facts of Segment's Profile API, and what a configuration may say about it.

The facts are the vendor's: https://www.twilio.com/docs/segment/unify/profile-api (checked 2026-10).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

# Hosts by region, of the vendor's page (checked 2026-10)
HOSTS = {"us": "https://profiles.segment.com", "eu": "https://profiles.euw1.segment.com"}

# What one page may hold, of the vendor's page (checked 2026-10). That external ids end at 25, whatever is asked for:
# https://github.com/segmentio/segment-docs/pull/3091 (checked 2026-10)
PAGE_ITEMS = 100
TRAIT_ITEMS = 200
ID_ITEMS = 25

# What one profile may have, where nobody agreed on more with Segment:
# https://www.twilio.com/docs/segment/unify/profile-limits (checked 2026-10)
TRAITS = 6_000
IDS = 1_000

# Pages in a row of one profile's traits, or ids, that may have nothing on them and the cursor of another. Nobody says
# that there is even one, so this number is ours.
EMPTY_PAGES = 20

# Requests a second for a whole space, of the vendor's page (checked 2026-10): 95 leave room for who else reads it.
SPACE_RATE = 100


class Settings(BaseModel):
    """What a configuration may say under `source`, of `type: segment`. `timeout` is in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Annotated[Literal["segment"], Field(description="The kind of source.")] = "segment"
    space_id: Annotated[
        str,
        Field(
            alias="spaceId",
            pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$",
            description="The id of the space whose profiles are read; it stands in its settings, under API access.",
        ),
    ]
    access_token: Annotated[
        SecretStr, Field(alias="accessToken", description="An access token of the Profile API, made for this space.")
    ]
    region: Annotated[Literal["us", "eu"], Field(description="Where the workspace lives.")] = "us"
    identifier: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            description="The type of external id that a row's `user_id` holds: who a profile is.",
        ),
    ] = "user_id"
    profiles: Annotated[
        str,
        Field(
            description="A file of identifiers, one a line (user_id:42, email:ada@example.com, use_…), instead of the"
            " listing of the whole space; relative to the configuration."
        ),
    ] = ""
    base_url: Annotated[
        str,
        Field(
            alias="baseUrl",
            description="The Profile API's origin, instead of the region's; https; http on this machine only.",
        ),
    ] = ""
    rate: Annotated[float, Field(gt=0, le=10_000, description="Requests a second to the Profile API, at most.")] = 95.0
    timeout: Annotated[float, Field(gt=0, le=600, description="Seconds one request may take.")] = 30.0
    page_items: Annotated[
        int, Field(alias="pageItems", ge=1, le=PAGE_ITEMS, description="Profiles listed by one request, at most.")
    ] = PAGE_ITEMS
    trait_items: Annotated[
        int,
        Field(
            alias="traitItems",
            ge=1,
            le=TRAIT_ITEMS,
            description="Traits read by one request, at most. Fewer where values are large: an answer may have 1 MB.",
        ),
    ] = TRAIT_ITEMS
    id_items: Annotated[
        int, Field(alias="idItems", ge=1, le=ID_ITEMS, description="External ids read by one request, at most.")
    ] = ID_ITEMS


def cautions(settings: Settings) -> list[str]:
    """What is allowed and asks for trouble. An origin of one's own has limits of its own."""
    if settings.rate <= SPACE_RATE or settings.base_url:
        return []
    return [
        f"source.rate is {settings.rate:,g} requests a second; Segment takes {SPACE_RATE} for the whole space,"
        " and refuses what is above"
    ]
