"""What a call says about reading files, over what the configuration says."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from syncline.config.explain import expected_of, fix_of
from syncline.config.findings import Wrong, printable
from syncline.config.source import Files, contradictions
from syncline.errors import ConfigRefused, Problem


def overridden(written: Files, given: Mapping[str, str]) -> Files:
    """`written` with the keys of `given` replaced. Raises `ConfigRefused`, naming the option."""
    if not given:
        return written
    said = {**written.model_dump(exclude_unset=True), **given}
    for key, expected, fix in contradictions(said):
        if key in given:
            raise _refused(key, given[key], expected, fix)
    try:
        return Files.model_validate(said, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option, raised = str(first["loc"][0]), first.get("ctx", {}).get("error")
        wrong, field = raised if isinstance(raised, Wrong) else Wrong(), Files.model_fields[option]
        fix = wrong.fix or fix_of(given[option], field, hidden=False)
        raise _refused(option, given[option], wrong.expected or expected_of(field), fix) from None


def _refused(option: str, value: str, expected: str, fix: str) -> ConfigRefused:
    return ConfigRefused(Problem("", 0, 0, f'--{option} is "{printable(value)}"', expected, fix))
