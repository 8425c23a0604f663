"""What no single field can know → findings: mappings against each other, credentials, addresses, explicit nulls.

Rules read the tree before it is typed, so that they speak up even where other fields are wrong; what is not of the type
they expect they leave to the model.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from pydantic import BaseModel

from syncline.config.explain import expected_of
from syncline.config.findings import Describer, Finding, Path, dotted
from syncline.config.model import Mapping
from syncline.config.spelling import Draft, aliases, secret_names

MAX_CREDENTIAL = 256

_PLACEHOLDER = re.compile(
    r"""(your|insert|enter|replace|paste)[\W_].*      # YOUR_API_KEY, replace-me
      | .*[\W_](goes[\W_])?here                       # api-key-here
      | x{3,} | \*+ | \.{3,} | …                      # xxx
      | <.*> | \{\{.*\}\} | \[.*\]                    # <site id>
      | change[\W_]?me | todo | tbd | fixme | placeholder | undefined
      | (?-i:API_?KEY|SITE_?ID|APP_?API_?KEY|SECRET_?KEY)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::([0-9]{1,5}))?")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def check(draft: Draft, tell: Describer) -> Iterator[Finding]:
    """Every finding that concerns more than one field, or a field in the light of its destination."""
    destination = draft.tree.get("destination")
    if isinstance(destination, dict):
        yield from _credentials(destination, draft, tell)
        yield from _addresses(destination, draft, tell)
        yield from _nulls(("destination",), destination, draft.kind.settings, *secret_names(draft.kind.settings))
    mappings = draft.tree.get("mappings")
    if isinstance(mappings, list):
        yield from _too_many(mappings, draft.kind.attributes)
        for index, mapping in enumerate(mappings):
            if isinstance(mapping, dict):
                yield from _mapping(("mappings", index), mapping, draft)
                yield from _nulls(("mappings", index), mapping, Mapping, "constant", "default")
        yield from _targets(mappings, draft, tell)


def credential_fault(text: str, *, in_basic_user: bool) -> tuple[str, str] | None:
    """Why this cannot be a credential: (what was expected, how to mend it). The text itself is never repeated."""
    if not text.strip():
        return "a credential that is not blank", "Put the real value here, or write ${NAME} and set that variable."
    if _PLACEHOLDER.fullmatch(text.strip()):
        return (
            "a real credential, not a placeholder",
            "Put the real value here, or write ${NAME} and set that variable.",
        )
    if len(text) > MAX_CREDENTIAL:
        return f"at most {MAX_CREDENTIAL} characters", "Copy the credential alone."
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        return (
            "printable ASCII characters without spaces or line breaks",
            "Copy the credential again, without what stands around it.",
        )
    if in_basic_user and ":" in text:
        return "a site id without a colon", "Copy the site id alone, without the API key."
    return None


def origin_fault(text: str) -> tuple[str, str] | None:
    """Why this cannot be a base URL: (what was expected, how to mend it). "" means the vendor's own."""
    if not text:
        return None
    like = "Write it like https://track.customer.io, with nothing after the host and port."
    match = _ORIGIN.fullmatch(text)
    if not match:
        return "an origin: https, a host in lower case, perhaps a port; no path, user name or query", like
    scheme, host, port = match.groups()
    if not _is_host(host):
        return "a host name, or an IP address in its usual form", like
    if port is not None and not 1 <= int(port) <= 65535:
        return "a port from 1 to 65535", "Correct the port, or leave it out."
    if scheme == "http" and host not in _LOOPBACK:
        return "https (http only for 127.0.0.1, localhost and [::1])", "Write https:// instead of http://."
    return None


def _is_host(host: str) -> bool:
    """Names and usual addresses only: 2130706433, 0x7f000001, 127.1 and a final dot mean something to some resolver."""
    try:
        if host.startswith("["):
            ipaddress.IPv6Address(host[1:-1])
            return True
        if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.split(".")[-1]):
            ipaddress.IPv4Address(host)
            return True
    except ValueError:
        return False
    return len(host) <= 253 and all(
        re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) for label in host.split(".")
    )


def _credentials(destination: dict[str, object], draft: Draft, tell: Describer) -> Iterator[Finding]:
    for alias in dict.fromkeys(secret_names(draft.kind.settings).values()):
        if alias not in destination:
            continue
        path = draft.written.get(("destination", alias), ("destination", alias))
        value = destination[alias]
        if not isinstance(value, str):
            yield Finding(path, tell.is_(path, value), "the credential as text", "Put it in double quotes.")
        elif fault := credential_fault(value, in_basic_user=alias == "siteId"):
            yield Finding(path, tell.is_(path, value), *fault)


def _addresses(destination: dict[str, object], draft: Draft, tell: Describer) -> Iterator[Finding]:
    for alias in aliases(draft.kind.settings):
        value = destination.get(alias)
        if alias.lower().endswith("baseurl") and isinstance(value, str) and (fault := origin_fault(value)):
            path = ("destination", alias)
            # Whatever stands around the host may be a credential.
            private = re.search(r"[@?#%]|//[^/]*/.", value)
            found = f"{tell.name(path)} is an address (not shown)" if private else tell.is_(path, value)
            yield Finding(path, found, *fault)


def _nulls(home: Path, held: dict[str, object], model: type[BaseModel], *allowed: str) -> Iterator[Finding]:
    """An explicit null where a setting may be absent: nobody can say what it was to mean."""
    for alias, field in aliases(model).items():
        if alias not in allowed and held.get(alias, "") is None:
            path = (*home, alias)
            yield Finding(path, f"{dotted(path)} is null", expected_of(field), "Write a value, or leave the key out.")


def _too_many(mappings: list[object], most: int) -> Iterator[Finding]:
    if len(mappings) > most:
        found = f"mappings is a list of {len(mappings)}"
        yield Finding(("mappings",), found, f"at most {most}, the attributes one person may have", "Leave some out.")


def _mapping(path: Path, mapping: dict[str, object], draft: Draft) -> Iterator[Finding]:
    name = dotted(path)
    if "from" in mapping and "constant" in mapping:
        found = f'{name} has both "from" and "constant"'
        yield Finding(
            (*path, "constant"), found, "one of them", "Delete one; `default` fills what is absent.", at_key=True
        )
    if not {"from", "constant"} & mapping.keys() and not {(*path, "from"), (*path, "constant")} & draft.meant:
        yield Finding(
            (*path, "from"),
            f'{name} has neither "from" nor "constant"',
            "one of them",
            'Add "from" with the field\'s name.',
        )
    if "join" in mapping and not isinstance(mapping.get("from"), list):
        found = f'{name} has "join", but "from" is not a list'
        yield Finding(
            (*path, "join"), found, "a list of fields to join", 'Write "from": ["first", "last"].', at_key=True
        )


def _targets(mappings: list[object], draft: Draft, tell: Describer) -> Iterator[Finding]:
    """What the mappings are called: each name once, and none the destination keeps for itself."""
    user_id = draft.tree.get("userId")
    first: dict[str, int] = {}
    for index, mapping in enumerate(mappings):
        to = mapping.get("to") if isinstance(mapping, dict) else None
        if not isinstance(mapping, dict) or not isinstance(to, str) or not to.strip():
            continue
        path: Path = ("mappings", index, "to")
        if first.setdefault(to, index) != index:
            other = mappings[first[to]]
            twice = f": {_origin(first[to], other, tell)}, {_origin(index, mapping, tell)}"
            yield Finding(
                path,
                tell.is_(path, to) + " again" + twice,
                "each name once",
                "Rename one, or list both fields in one `from`.",
            )
            continue
        # Without a userId nobody can say which field identifies, and that is reported already.
        is_identifier = not isinstance(user_id, str) or mapping.get("from") in (user_id, [user_id])
        if fault := draft.kind.refuse_name(to, is_identifier):
            why, fix = fault
            yield Finding(path, f"{tell.is_(path, to)}: {why}", "a name the destination gives to mappings", fix)


def _origin(index: int, mapping: object, tell: Describer) -> str:
    """`mappings[3] takes it from the text "a"`"""
    path: Path = ("mappings", index, "from")
    if not isinstance(mapping, dict) or "from" not in mapping:
        return f"mappings[{index}] has it already"
    return f"mappings[{index}] takes it from {tell.value(path, mapping['from'])}"
