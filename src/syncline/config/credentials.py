"""Credentials: why a text cannot be one, and whether others can read the file it stands in. It is never repeated."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterator
from typing import NamedTuple

from syncline.config.addresses import url_fault
from syncline.config.draft import Draft
from syncline.config.environment import Variables
from syncline.config.explain import value_at
from syncline.config.findings import Describer, Finding, Path
from syncline.config.names import credential_names, secrets
from syncline.errors import Problem

MAX_CREDENTIAL = 256
# The user name of HTTP Basic ends at its first colon: what was expected instead, and how to mend it.
IN_BASIC_USER = {
    "siteId": ("a site id without a colon", "Copy the site id alone, without the API key."),
    "accessToken": ("an access token without a colon", "Copy the token alone; as a user name it has no password."),
}

_PLACEHOLDER = re.compile(
    r"""(your|insert|enter|replace|paste)[\W_].*      # YOUR_API_KEY, replace-me
      | .*[\W_](goes[\W_])?here                       # api-key-here
      | x{3,} | \*+ | \.{3,} | …                      # xxx
      | <.*> | \{\{.*\}\} | \[.*\]                    # <site id>
      | change[\W_]?me | todo | tbd | fixme | placeholder | undefined
      | (?-i:API_?KEY|SITE_?ID|APP_?API_?KEY|SECRET_?KEY|APPLICATION_?ID|SPACE_?ID|ACCESS_?TOKEN)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)

_QUOTES = "\"'`"
_REFERENCE_ELSEWHERE = re.compile(r"\$[A-Za-z_]\w*|%[A-Za-z_]\w*%|\$\([^)]*\)")  # in a shell, in cmd.exe, in make


def check_credentials(draft: Draft, tell: Describer) -> Iterator[Finding]:
    """Those of the destination and the source, and `notify`, whose URL may hold a token."""
    for home, settings in draft.settings.items():
        held = draft.tree.get(home)
        if isinstance(held, dict):
            # What is needed and not secret (Segment's spaceId) is copied from the same page, and goes wrong alike.
            for alias in dict.fromkeys(credential_names(settings).values()):
                if alias in held:
                    yield from _of_one(alias, held[alias], draft.place((home, alias)), tell)
    notify = draft.tree.get("notify")
    if isinstance(notify, str) and (fault := _unresolved(notify) or url_fault(notify)):
        yield Finding(("notify",), tell.is_(("notify",), notify), *fault)


def _of_one(alias: str, value: object, path: Path, tell: Describer) -> Iterator[Finding]:
    if not isinstance(value, str):
        yield Finding(path, tell.is_(path, value), "the credential as text", "Put it in double quotes.")
    elif fault := _fault(alias, value, borrowed=tell.borrows(path)):
        yield Finding(path, tell.is_(path, value), *fault)


def _unresolved(text: str) -> tuple[str, str] | None:
    """A reference inside of what a variable holds: nobody resolves it."""
    if "${" not in text:
        return None
    fix = "What a variable or .env holds is taken as it stands: write the value itself there, without ${."
    return "a value without ${ in it", fix


def _fault(alias: str, text: str, *, borrowed: bool) -> tuple[str, str] | None:
    """Why this cannot be a credential: (what was expected, how to mend it). borrowed: a variable holds it."""
    if not text.strip():
        return "a credential that is not blank", "Put the real value here, or write ${NAME} and set that variable."
    if _PLACEHOLDER.fullmatch(text.strip()):
        return (
            "a real credential, not a placeholder",
            "Put the real value here, or write ${NAME} and set that variable.",
        )
    if _REFERENCE_ELSEWHERE.fullmatch(text):
        if borrowed:
            return "a credential, not the name of another variable", "Set the variable to the value itself."
        return "a credential, or a variable as ${NAME}", "A variable's name stands in braces: ${NAME}."
    if fault := _unresolved(text):
        return fault
    if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
        whose = "the variable without them: NAME=value" if borrowed else "the value without them"
        return "a credential without quotes of its own around it", f"Write {whose}."
    if len(text) > MAX_CREDENTIAL:
        return f"at most {MAX_CREDENTIAL} characters", "Copy the credential alone."
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        return (
            "printable ASCII characters without spaces or line breaks",
            "Copy the credential again, without what stands around it.",
        )
    return IN_BASIC_USER.get(alias) if ":" in text else None


class Exposed(NamedTuple):
    """A file that holds a credential, and may be read by others (reliability.md 5.4-29). instead: of `chmod`."""

    label: str
    mode: int
    instead: str = ""

    @property
    def warning(self) -> str:
        return f"{self.label} holds a credential and others may read it (mode {self.mode:04o}): run {self._fix}"

    @property
    def problem(self) -> Problem:
        """Where that is no mere warning."""
        found = f"a credential that others may read (mode {self.mode:04o})"
        return Problem(self.label, 0, 0, found, "a file that its owner alone may read", f"Run {self._fix}.")

    @property
    def _fix(self) -> str:
        return f"`chmod 600 {shlex.quote(self.label)}`{self.instead}"


def exposed(draft: Draft, borrowed: Collection[Path], label: str, mode: int | None) -> Iterator[Exposed]:
    """The configuration, where a credential stands in the file itself. mode: its bits; None: there is no file."""
    written = [draft.place(place) for place in _held(draft)]
    if mode is not None and _is_open(mode) and not all(path in borrowed for path in written):
        yield Exposed(label, mode, ", or write ${NAME} and set that variable")


def exposed_variables(draft: Draft, variables: Variables) -> Iterator[Exposed]:
    """The file of variables, where a credential is one that it lent."""
    lent = [value for value in _held(draft).values() if value in variables.lent.values()]
    if variables.mode is not None and _is_open(variables.mode) and lent:
        yield Exposed(variables.path, variables.mode)


def _held(draft: Draft) -> dict[Path, object]:
    """Every credential that the configuration has, and where in the tree."""
    places: list[Path] = [(home, alias) for home, settings in draft.settings.items() for alias in secrets(settings)]
    values = {path: value_at(path, draft.tree) for path in (*places, ("notify",))}
    return {path: value for path, value in values.items() if value is not None}


def _is_open(mode: int) -> bool:
    return os.name == "posix" and bool(mode & 0o077)
