"""A model → the keys that a configuration may write for it, and which of them are credentials."""

from __future__ import annotations

from typing import get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo


def alias_of(name: str, field: FieldInfo) -> str:
    return field.alias or name


def aliases(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys a model accepts."""
    return {alias_of(name, field): field for name, field in model.model_fields.items()}


def credential_names(settings: type[BaseModel]) -> dict[str, str]:
    """Every accepted spelling of what is secret or needed → its alias: {"siteId": "siteId", "site_id": "siteId", …}."""
    return {
        spelling: alias_of(name, field)
        for name, field in settings.model_fields.items()
        if field.is_required() or _is_secret(field)
        for spelling in (alias_of(name, field), name, name.replace("_", "-"))
    }


def secrets(settings: type[BaseModel]) -> list[str]:
    """The aliases of what nobody may be shown."""
    return [alias for alias, field in aliases(settings).items() if _is_secret(field)]


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)
