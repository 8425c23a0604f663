"""Words as they are typed → how the command line ended, in this process."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout

from conftest import Ended
from syncline.cli import main

_FOR_PROGRAMS = {"--json", "--csv"}  # their text is data, and exact


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
