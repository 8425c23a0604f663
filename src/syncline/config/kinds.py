"""The types of destination, and what a configuration must know of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel

from syncline.destinations.customerio import settings as customerio


class Kind(NamedTuple):
    """What the configuration must know of a `type` of destination.

    refuse_name: (name, does it map the userId field?) → why no mapping may write there, and the fix;
    meanings: what some attributes mean to the destination; cautions: what is allowed, and worth a warning.
    """

    settings: type[BaseModel]
    refuse_name: Callable[[str, bool], tuple[str, str] | None]
    meanings: Mapping[str, customerio.Meaning]
    cautions: Callable[[customerio.Settings], Sequence[str]]
    attributes: int


# With a second member, `Sync.destination` becomes a union discriminated by `type`.
DESTINATIONS = {
    "customerio": Kind(
        customerio.Settings,
        customerio.refuse_name,
        customerio.MEANINGS,
        customerio.cautions,
        customerio.ATTRIBUTES,
    )
}
DEFAULT_DESTINATION = "customerio"
