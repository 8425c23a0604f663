"""The type of external id that names a Segment profile → the field of its row that holds it; and back."""

from __future__ import annotations

from syncline.sources.segment.settings import Settings

USER_ID = "user_id"
_EXTERNAL_IDS = "external_ids."


def identifying_field(identifier: object) -> str:
    """What `userId` is where nobody says it. A report that names the field then says which id a profile lacks.

    `user_id` holds it too, whatever its type: so that does for a type that no path can name, or that is none.
    """
    if not isinstance(identifier, str) or identifier == USER_ID or "" in identifier.split("."):
        return USER_ID
    return _EXTERNAL_IDS + identifier


def external_id_in(field: str, source: Settings) -> str:
    """The type of external id that a field of a row holds; "" where it holds something else."""
    if field == USER_ID:
        return source.identifier
    return field.removeprefix(_EXTERNAL_IDS) if field.startswith(_EXTERNAL_IDS) else ""
