"""The script that is written first: the vendor's client and 25 threads. Each error is printed and counted; no state.

    python benchmarks/naive.py URL DATA.json identify|batch

It is what side_by_side.py compares with. The client (customerio-python) keeps its defaults: three retries of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from customerio import CustomerIO, CustomerIOException  # type: ignore[import-untyped]  # ships no types

THREADS, BATCH = 25, 100

Person = dict[str, Any]


class Plain(CustomerIO):  # type: ignore[misc]  # its base has no types
    """The client over plain http: its retries mounted there as well, and its https addresses rewritten."""

    def send_request(self, method: str, url: str, data: Any) -> Any:
        return super().send_request(method, url.replace("https://", "http://", 1), data)

    def _build_session(self) -> Any:
        session = super()._build_session()
        session.mount("http://", session.get_adapter("https://"))
        return session


class Script:
    def __init__(self, url: str) -> None:
        self._cio = Plain("site", "key", host="127.0.0.1", port=urlsplit(url).port)

    def identify(self, people: list[Person]) -> list[str]:
        (person,) = people
        attributes = {name: value for name, value in person.items() if name != "id"}
        return _failures(people, lambda: self._cio.identify(person["id"], **attributes))

    def batch(self, people: list[Person]) -> list[str]:
        return _failures(people, lambda: self._cio.batch([_operation(person) for person in people]))


def _failures(people: list[Person], call: Callable[[], object]) -> list[str]:
    """A line for each of them who failed."""
    try:
        call()
    except CustomerIOException as error:
        return [f"failed {person['id']}: {str(error).splitlines()[0][:80]}" for person in people]
    return []


def _operation(person: Person) -> Person:
    attributes = {name: value for name, value in person.items() if name != "id"}
    return {"type": "person", "action": "identify", "identifiers": {"id": person["id"]}, "attributes": attributes}


def chunks(people: list[Person], size: int) -> Iterator[list[Person]]:
    return (people[start : start + size] for start in range(0, len(people), size))


def main() -> None:
    url, file, api = sys.argv[1:]
    people = json.loads(Path(file).read_text(encoding="utf-8"))
    script = Script(url)
    send, size = (script.identify, 1) if api == "identify" else (script.batch, BATCH)
    failed = 0
    with ThreadPoolExecutor(THREADS) as pool:
        for failures in pool.map(send, chunks(people, size)):
            failed += len(failures)
            for line in failures:
                print(line)
    print(f"{len(people) - failed} sent, {failed} failed")


if __name__ == "__main__":
    main()
