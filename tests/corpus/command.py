"""Words as they are typed → how the command line ended, in this process."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

from syncline.cli import main

_FOR_PROGRAMS = {"--json", "--csv"}  # their text is data, and exact


class Ended(NamedTuple):
    """Its exit code, and all that it said."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """With --json: its stdout, which is exactly one document."""
        return json.loads(self.stdout)


def typed(*words: object) -> Ended:
    """`syncline` with these words. Raises `AssertionError` for a bug, a traceback, or what could move a cursor."""
    before, sys.argv = sys.argv, ["syncline", *map(str, words)]
    stdout, stderr, code = io.StringIO(), io.StringIO(), None
    try:
        with redirect_stdout(stdout), redirect_stderr(stderr):
            main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.argv = before
    assert isinstance(code, int), code
    said = Ended(code, stdout.getvalue(), stderr.getvalue())
    assert code != 70, said.stderr
    assert "Traceback" not in said.stdout + said.stderr
    for text in (said.stderr, "" if _FOR_PROGRAMS.intersection(words) else said.stdout):
        assert all(line.isprintable() for line in text.split("\n")), ascii(text)
    return said
