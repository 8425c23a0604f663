"""`make corpora`: the public collections of odd JSON and odd strings, through every reader; exit 1 where one fails.

SYNCLINE_JSONTESTSUITE: the folder test_parsing of https://github.com/nst/JSONTestSuite;
SYNCLINE_NAUGHTY: the file blns.json of https://github.com/minimaxir/big-list-of-naughty-strings.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from conftest import Local
from corpus.strings import check_strings
from corpus.texts import check_texts
from corpus.tried import Tried
from syncline.emulators.customerio import Workspace

FAULTS_SHOWN = 20


def main(texts: str, strings: str) -> int:
    """texts, strings: where they are; "" for those that are not at hand."""
    missing = [named for named in (texts, strings) if named and not Path(named).exists()]
    if missing or not (texts or strings):
        print(f"no such file or folder: {missing[0]}" if missing else "nothing is named", __doc__, sep="\n")
        return 2
    faults = 0
    for tried in _all(texts, strings):
        print(tried, *(f"  {fault}" for fault in tried.faults[:FAULTS_SHOWN]), sep="\n", flush=True)
        faults += len(tried.faults)
    return 1 if faults else 0


def _all(texts: str, strings: str) -> Iterator[Tried]:
    with TemporaryDirectory() as scratch:
        if texts:
            yield from check_texts(Path(texts), Path(scratch))
        if strings:
            local = Local(Workspace(time.time), "").start()
            try:
                yield from check_strings(json.loads(Path(strings).read_text(encoding="utf-8")), Path(scratch), local)
            finally:
                local.stop()


if __name__ == "__main__":
    sys.exit(main(os.environ.get("SYNCLINE_JSONTESTSUITE", ""), os.environ.get("SYNCLINE_NAUGHTY", "")))
