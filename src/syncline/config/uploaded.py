"""A configuration that somebody uploaded → what it must not say, as findings like all others.

It is read on a machine that is not its author's, so it has a part of the language only: it names no file, no variable
and no program of that machine, and it reaches the vendors' own origins and those that the machine's owner has listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from syncline.config.addresses import Fault, origin_fault, url_fault
from syncline.config.draft import Draft
from syncline.config.environment import Variables
from syncline.config.findings import Describer, Finding, Path, dotted, printable
from syncline.config.model import Sync
from syncline.config.names import aliases
from syncline.config.rules import is_origin, is_private
from syncline.config.tree import Settled
from syncline.config.values import Name
from syncline.destinations.customerio import settings as customerio
from syncline.destinations.voucherify import settings as voucherify
from syncline.errors import ConfigRefused, Problem
from syncline.sources.segment import settings as segment

NO_VARIABLES = Variables({}, "")

# The free texts that are taken: names of fields, labels, what a vendor calls something, credentials. Any other is
# refused, so that a setting that is new has to be looked at before it is let in.
_TAKEN = frozenset(("name", "userId", "except", "path", "delimiter", "workspace", "spaceId", "identifier"))
_TAKEN |= {"siteId", "apiKey", "appApiKey", "applicationId", "secretKey", "accessToken"}
_VENDORS = frozenset(
    f"{origin}:443"
    for hosts in (customerio.TRACK_HOSTS, customerio.APP_HOSTS, voucherify.HOSTS, segment.HOSTS)
    for origin in hosts.values()
)
_FIXES = {
    "transform": "Leave it out, and say in the mappings what can be said there.",
    "files": "Leave it out, and send the data as a part of its own, beside the configuration.",
    "profiles": "Leave it out, and the profiles of the whole space are read.",
}
_LIST_IT = "Leave it out, or have the service started with --allow-origin-url and this origin."
_FAR = Fault("the vendor's own origin, or one that the service was started with", _LIST_IT)
_FAR_TO_TELL = Fault("a URL at an origin that the service was started with", _LIST_IT)


class Uploaded(NamedTuple):
    """What an uploaded configuration may do beyond its own: see `listed`. filename: as it was sent."""

    origins: frozenset[str] = frozenset()
    filename: str = ""

    @property
    def label(self) -> str:
        """What messages call it."""
        return printable(self.filename) if self.filename.strip() else "configuration"

    @property
    def stem(self) -> str:
        """The name of a sync that has none: its file's, where that can be one."""
        stem = PurePosixPath(self.filename.replace("\\", "/")).stem
        try:
            return TypeAdapter(Name).validate_python(stem)
        except ValidationError:
            return "upload"


def listed(urls: Iterable[str]) -> frozenset[str]:
    """What the owner allows besides the vendors' own, as `--allow-origin-url` has it. Raises `ConfigRefused`."""
    origins = set()
    for url in urls:
        if not url or (fault := origin_fault(url)):
            expected, fix = fault if url and fault else ("an origin", "Write it like https://track.example.com.")
            shown = "an address (not shown)" if is_private(url) else f'"{printable(url)}"'
            raise ConfigRefused(Problem("", 0, 0, f"--allow-origin-url is {shown}", expected, fix))
        origins.add(_whole(url))
    return frozenset(origins)


def without_references(raw: object, settled: Settled) -> Settled:
    """Each `${…}` as a finding of its own, instead of what became of it without variables."""
    paths = dict.fromkeys(_references(raw, ()))
    kept = [finding for finding in settled.findings if finding.path not in paths or finding.at_key]
    expected = "the value itself: what is uploaded sees no variable of the service"
    fix = "Write the value; $${ for the characters ${ themselves."
    found = [Finding(path, f"{dotted(path)}: a reference to a variable", expected, fix) for path in paths]
    return settled._replace(findings=kept + found)


def confine(draft: Draft, uploaded: Uploaded, tell: Describer) -> list[Finding]:
    """Takes out of the draft what is refused here, so that nothing that comes after can act on it."""
    findings: list[Finding] = []
    for home, held, model in _objects(draft):
        for alias, field in aliases(model).items():
            if alias in held and (fault := _fault(alias, held[alias], field.annotation, uploaded)):
                path = draft.place((*home, alias))
                findings.append(Finding(path, tell.is_(path, held.pop(alias)), *fault))
    return findings


def _objects(draft: Draft) -> Iterator[tuple[Path, dict[str, object], type[BaseModel]]]:
    """Where settings stand, and what they may be."""
    yield (), draft.tree, Sync
    for home, model in draft.settings.items():
        held = draft.tree.get(home)
        if isinstance(held, dict):
            yield (home,), held, model


def _fault(alias: str, value: object, kind: object, uploaded: Uploaded) -> Fault | None:
    if is_origin(alias) and isinstance(value, str) and value and not origin_fault(value):
        return None if _whole(value) in uploaded.origins | _VENDORS else _FAR
    if alias == "notify" and isinstance(value, str) and not url_fault(value):
        return None if _whole(value) in uploaded.origins else _FAR_TO_TELL
    if is_origin(alias) or alias == "notify" or alias in _TAKEN or not _is_free_text(kind):
        return None  # what is wrong with it anywhere, others say
    return Fault(f"no `{alias}` in what is uploaded", _FIXES.get(alias, "Leave it out."))


def _is_free_text(kind: object) -> bool:
    return kind in (str, SecretStr) or any(map(_is_free_text, get_args(kind)))


def _whole(url: str) -> str:
    """scheme://host:port, so that two spellings of one origin are equal."""
    parts = urlsplit(url)
    host = parts.netloc.removesuffix(f":{parts.port}")
    return f"{parts.scheme}://{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _references(raw: object, path: Path) -> Iterator[Path]:
    """Where a text names a variable, or seems to."""
    if isinstance(raw, str) and "${" in raw.replace("$${", ""):
        yield path
    for key, item in raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ():
        yield from _references(item, (*path, key))
