"""The service's own OpenAPI document, its metrics and its limits → the page of what may be asked over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from starlette.types import ASGIApp, Message

from generator.markdown import code, listed, table
from syncline.service import doors, people, registry, runs, shapes, tokens
from syncline.service.assembly import Told, opened
from syncline.service.limits import CONFIGURATION_BYTES, Limits
from syncline.service.protocol import Bounds
from syncline.service.server import WORK_S

Document = Mapping[str, Any]  # as json.loads gives it

_ENDS = [
    ("every row is delivered, unchanged or folded", "0", "200"),
    ("some rows are invalid or rejected", "1", "207"),
    ("the data broke off, and all that could be read is settled", "3", "207"),
    ("the destination refuses the credentials", "3", "401"),
    ("rows are left, or it ended early", "3", "503, with `Retry-After`"),
    ("the configuration, the data or the upload is to be mended", "2", "422"),
    ("the ledger cannot be used; the service's log says why", "2", "503, with `Retry-After`"),
    ("the same sync is at work", "75", "409"),
    ("the service was ended", "130, 143", "503, with `Retry-After`"),
    ("a bug", "70", "500"),
]
_RUN = {
    "id": "What it is asked for by: 22 characters that nobody can guess.",
    "sync": "The sync's name.",
    "status": "",
    "run": "Its number in the ledger, from 1; `null` until its plan is there.",
    "created": "When it was accepted, in unix seconds.",
    "started": "When its turn came.",
    "ended": "When it ended.",
    "resumable": "Can the rest of its plan still be delivered, with the configuration alone?",
}
_WHOLE = {
    "progress": "How far it is; `null` when it is not at work.",
    "report": "What it came to, as [a run](json.md#a-run); `null` until there is something to tell.",
    "problems": "Why it was refused, as [a refusal](json.md#a-refusal) has them.",
}
_PROGRESS = {
    "phase": "",
    "rows": "Rows read.",
    "share": "How much of the data was read, from 0 to 1, where that is known.",
    "planned": "People to be sent, as far as is known.",
    "settled": "How many of them have ended, by outcome.",
    "requests": "Requests that left for the destination.",
    "sourceRequests": "Requests that left for an API source.",
    "bytes": "Bytes of what went to the destination.",
    "inFlight": "Requests under way.",
    "limitedBy": "What keeps it from being faster.",
}


def page() -> str:
    api, figures = asyncio.run(_asked("/openapi.json", "/metrics"))
    document: Document = json.loads(api)
    return f"""# HTTP

What `syncline serve` may be asked. [How to use it](../how-to/as-a-service.md). The service tells the same at
`/openapi.json`, for programs.

Where the service has a token (`--token-file`; beyond this machine always), every path asks for it, `/healthz`,
`/metrics` and `/openapi.json` too: `Authorization: Bearer …`. Besides what is listed below, each then answers `401`
without it, and `429` after {tokens.BAD_A_MINUTE} wrong ones from one address within a minute.

{_paths(document)}
## How a sync ended

`PUT /` answers what the exit code of `syncline run` says, in HTTP's words; the document is that of `--json`.

{table(["", "exit code", "status"], _ENDS)}
## A run

Of `POST /runs`, of each entry of `GET /runs` (`{{"runs": […]}}`, the newest first), and of `GET /runs/{{run}}`:

{_words(shapes.Run, _RUN)}
`GET /runs/{{run}}`, and what answers with 202, have besides:

{_words(shapes.WholeRun, _WHOLE, shapes.Run)}
`progress`:

{_words(shapes.Progress, _PROGRESS)}
A run is `forgotten` when its ledger was moved away, and unknown (404) when there are {registry.KEPT_RUNS:,} newer ones.

## Refusals

Each has the document of [a refusal](json.md#a-refusal), `{{"status": "refused", "problems": […]}}`, whoever refuses.

{table(["status", "means"], _refusals(document))}
No answer may be kept by a cache, and none lets a page of another site read it (no CORS). `OPTIONS` is answered 405.

## Metrics

{table(["metric", "is"], _metrics(figures))}
No label is a name, an id or a value of a row.

## Limits

{table(["at most", "of"], _limits())}
After {Limits().grace_s:g} s a body must have come at {Limits().slowest_bytes_s:,.0f} bytes a second on average, and
it must never pause for {Limits().silence_s:g} s.

## Environment

{table(["variable", "is"], _variables())}"""


async def _asked(*paths: str) -> list[str]:
    """What a service, started for this, answers."""
    with tempfile.TemporaryDirectory() as folder, opened(Told(Path(folder), {})) as service:
        return [await _got(service.app, path) for path in paths]


async def _got(app: ASGIApp, path: str) -> str:
    """The body of a GET."""
    body = b""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal body
        body += message.get("body", b"")

    about = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    where = {"scheme": "http", "headers": [(b"host", b"localhost")], "asgi": {"version": "3.0"}}
    await app({**about, **where}, receive, send)
    return body.decode()


# --- paths ------------------------------------------------------------------------------------------------------------


def _paths(document: Document) -> str:
    return "\n".join(
        _operation(f"{method.upper()} {path}", asked)
        for path, methods in document["paths"].items()
        for method, asked in methods.items()
    )


def _operation(heading: str, asked: Document) -> str:
    upload = asked.get("requestBody", {}).get("description", "")
    sent = f"\nParts named `inputs`: {upload[0].lower()}{upload[1:]}\n" if upload else ""
    told = [(_parameter(one), _values(one["schema"]), one["description"]) for one in asked.get("parameters", [])]
    parameters = f"\n{table(['parameter', 'value', 'meaning'], told)}" if told else ""
    all_answers = asked["responses"].items()
    own = [(code(status), answer["description"]) for status, answer in all_answers if not _refuses(answer)]
    others = listed([code(status) for status, answer in all_answers if _refuses(answer)], "and")
    answers = f"\n{table(['status', 'means'], own)}\n[Refusals](#refusals): {others}.\n"
    return f"## `{heading}`\n\n{asked['description']}\n{sent}{parameters}{answers}"


def _refuses(answer: Document) -> bool:
    """Has it the shape of every refusal, and no other?"""
    shape = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return bool(shape.get("$ref", "").endswith("/Refused"))


def _parameter(one: Document) -> str:
    match one["in"]:
        case "path":
            return code(f"{{{one['name']}}}")
        case "header":
            return f"the header {code(one['name'].title())}"
        case _:
            return code(f"?{one['name']}=")


def _values(schema: Document) -> str:
    choices = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    if "enum" in choices[0]:
        return listed([code(choice) for choice in choices[0]["enum"]])
    if choices[0]["type"] == "integer":
        return f"a number, {schema['minimum']:,} to {schema['maximum']:,}; {schema['default']:,} where none is given"
    return "text"


def _refusals(document: Document) -> Iterable[Sequence[str]]:
    found = {
        status: answer["description"]
        for methods in document["paths"].values()
        for asked in methods.values()
        for status, answer in asked["responses"].items()
        if _refuses(answer)
    }
    found |= {"401": "The token is missing, or another one.", "405": "This path takes other methods: `Allow` has them."}
    found |= {"429": f"Yet another wrong token, after {tokens.BAD_A_MINUTE} from this address within a minute."}
    return [(code(status), found[status]) for status in sorted(found)]


def _metrics(text: str) -> Iterable[Sequence[str]]:
    return [(code(name), meaning) for name, meaning in re.findall(r"^# HELP (\w+) (.+)$", text, re.MULTILINE)]


# --- words ------------------------------------------------------------------------------------------------------------


def _words(shape: type[BaseModel], words: Mapping[str, str], but: type[BaseModel] = BaseModel) -> str:
    """The keys of a shape, each with what it is; a key of fixed values has those."""
    fields = {name: field for name, field in shape.model_fields.items() if name not in but.model_fields}
    if fields.keys() != words.keys():
        sys.exit(f"docs/generator/http_service.py: describe exactly the keys {sorted(fields.keys() ^ words.keys())}")
    values = {name: listed(list(map(code, get_args(field.annotation)))) for name, field in fields.items()}
    return table(["key", "is"], [(code(name), words[name] or f"{values[name]}.") for name in fields])


def _limits() -> Iterable[Sequence[str]]:
    limits, bounds = Limits(), Bounds()
    yield f"{limits.data_bytes:,}", "bytes of the data, also when unpacked (`--max-upload`)"
    yield f"{CONFIGURATION_BYTES:,}", "bytes of the configuration"
    yield f"{limits.spare_bytes:,}", "bytes that must stay free on the disk"
    yield "2", f"parts of a form, each with {limits.part_headers} headers of {limits.head_bytes:,} bytes in all"
    yield f"{limits.filename_bytes}", "bytes of a file's name"
    yield f"{doors.URL_BYTES:,}", "bytes of a URL"
    yield f"{bounds.connections}", "connections at a time"
    yield f"{bounds.head_s:g} s", "until the head of a request is there"
    yield f"{bounds.unread_s:g} s", "for which an answer waits that nobody reads on"
    yield f"{runs.AT_ONCE}", "runs at work at a time"
    yield f"{runs.ACCEPTED}", "runs at work or waiting"
    yield f"{registry.KEY_S / 3600:g} h", "for which an `Idempotency-Key` is remembered"
    yield f"{WORK_S:g} s", "for runs to end, after SIGTERM"


def _variables() -> Iterable[Sequence[str]]:
    yield code(people.KEY), "A key of Customer.io's App API, for `GET /customers`."
    yield code(people.REGION), "Its region, `us` or `eu`; `us` where it is not set."
    yield code(people.ORIGIN), "The App API's origin, instead of the region's."
