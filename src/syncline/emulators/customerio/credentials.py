"""The keys of the three APIs → what an `Authorization` header must say."""

from __future__ import annotations

import base64
from typing import NamedTuple


class Credentials(NamedTuple):
    """What the emulator accepts. Replace `workspace.credentials` to revoke a key while it runs."""

    site_id: str = "site"
    api_key: str = "key"
    app_api_key: str = "app"
    cdp_api_key: str = "cdp"

    def basic(self) -> tuple[str, str]:
        """The two spellings of the Track API's password: go-customerio uses the URL-safe alphabet (checked 2026-10)."""
        return _basic(self.site_id, self.api_key)

    def cdp(self) -> tuple[str, str]:
        """The same of Pipelines: its key as the user, and a blank password."""
        return _basic(self.cdp_api_key, "")


def token(authorization: str, scheme: str) -> str:
    """What follows the scheme, in any case; empty for another scheme."""
    given, _, rest = authorization.partition(" ")
    return rest.strip() if given.lower() == scheme else ""


def _basic(user: str, password: str) -> tuple[str, str]:
    pair = f"{user}:{password}".encode()
    return base64.b64encode(pair).decode(), base64.urlsafe_b64encode(pair).decode()
