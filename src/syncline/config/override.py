"""What a call says about reading files, over what the configuration says."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from syncline.config.findings import Wrong, printable
from syncline.config.model import Files
from syncline.errors import ConfigRefused


def overridden(written: Files, given: Mapping[str, str]) -> Files:
    """`written` with the keys of `given` replaced. Raises `ConfigRefused`, naming the option."""
    if not given:
        return written
    try:
        return Files.model_validate({**written.model_dump(), **given}, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option, raised = str(first["loc"][0]), first.get("ctx", {}).get("error")
        expected = (
            raised.expected if isinstance(raised, Wrong) else str(first.get("ctx", {}).get("expected", "another"))
        )
        raise ConfigRefused(f"--{option} {printable(str(given.get(option, '')))}: expected {expected}") from None
