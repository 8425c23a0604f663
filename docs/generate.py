"""The code's own tables → docs/reference/*.md: `python docs/generate.py [FOLDER]`, which is `make docs`.

What a page says of a key, an option or a column is read off the code, so that it cannot drift. Only what no code says
(the meaning of a key of a JSON document, of a vendor's limit) is written in the generator, and a missing word ends it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from generator import api, command_line, configuration, documents, exits, http_service, ledger, limits, patience, rules

MADE = "<!-- Made by `make docs` from the code: change the code, or docs/generator. -->\n\n"

PAGES: Mapping[str, Callable[[], str]] = {
    "configuration.md": configuration.page,
    "command-line.md": command_line.page,
    "exit-codes.md": exits.page,
    "json.md": documents.page,
    "http.md": http_service.page,
    "rules.md": rules.page,
    "ledger.md": ledger.page,
    "limits.md": limits.page,
    "patience.md": patience.page,
    "python.md": api.page,
}


def main(argv: Sequence[str]) -> None:
    folder = Path(argv[0]) if argv else Path(__file__).parent / "reference"
    for name, page in PAGES.items():
        (folder / name).write_text(MADE + page().rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
