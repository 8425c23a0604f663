"""Credentials: why a text cannot be one, and whether others can read the file it stands in. It is never repeated."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterator

from syncline.config.addresses import url_fault
from syncline.config.findings import Describer, Finding, Path
from syncline.config.spelling import Draft, secret_names

MAX_CREDENTIAL = 256
IN_BASIC_USER = ("siteId",)  # the user name of HTTP Basic ends at its first colon

_PLACEHOLDER = re.compile(
    r"""(your|insert|enter|replace|paste)[\W_].*      # YOUR_API_KEY, replace-me
      | .*[\W_](goes[\W_])?here                       # api-key-here
      | x{3,} | \*+ | \.{3,} | …                      # xxx
      | <.*> | \{\{.*\}\} | \[.*\]                    # <site id>
      | change[\W_]?me | todo | tbd | fixme | placeholder | undefined
      | (?-i:API_?KEY|SITE_?ID|APP_?API_?KEY|SECRET_?KEY)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def check_credentials(draft: Draft, tell: Describer) -> Iterator[Finding]:
    """The destination's credentials, and `notify`, whose URL may hold a token."""
    destination = draft.tree.get("destination")
    if isinstance(destination, dict):
        yield from _of_destination(destination, draft, tell)
    notify = draft.tree.get("notify")
    if isinstance(notify, str) and (fault := url_fault(notify)):
        yield Finding(("notify",), tell.is_(("notify",), notify), *fault)


def _of_destination(destination: dict[str, object], draft: Draft, tell: Describer) -> Iterator[Finding]:
    for alias in dict.fromkeys(secret_names(draft.kind.settings).values()):
        if alias not in destination:
            continue
        path = draft.place(("destination", alias))
        value = destination[alias]
        if not isinstance(value, str):
            yield Finding(path, tell.is_(path, value), "the credential as text", "Put it in double quotes.")
        elif fault := _fault(value, in_basic_user=alias in IN_BASIC_USER):
            yield Finding(path, tell.is_(path, value), *fault)


def _fault(text: str, *, in_basic_user: bool) -> tuple[str, str] | None:
    """Why this cannot be a credential: (what was expected, how to mend it)."""
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


def exposed(draft: Draft, borrowed: Collection[Path], label: str, mode: int | None) -> str:
    """A warning when others can read a credential that stands in the file itself (reliability.md 5.4-29).

    mode: the file's permission bits; None: there is no file.
    """
    if mode is None or os.name != "posix" or not mode & 0o077:
        return ""
    homes: list[Path] = [("destination", alias) for alias in dict.fromkeys(secret_names(draft.kind.settings).values())]
    written = [draft.written[home] for home in homes if home in draft.written]
    written += [("notify",)] if "notify" in draft.tree else []
    if all(path in borrowed for path in written):
        return ""
    return (
        f"{label} holds a credential and others may read it (mode {mode:04o}): "
        f"run `chmod 600 {shlex.quote(label)}`, or write ${{NAME}} and set that variable"
    )
