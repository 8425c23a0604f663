"""The documents of `--json`, made of real reports → their keys, each in words."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace

from generator.markdown import code, fenced, listed, table
from syncline.errors import Problem
from syncline.flow.report import Preview, ProblemGroup, Report, RowProblem
from syncline.flow.rows import COLUMNS
from syncline.model import Outcome, RowRef, Stop

_RUN_WORDS = {
    "run": "The run's number, from 1.",
    "status": "`finished`, `stopped`, `interrupted`; `running` while it is at work.",
    "read": "Rows read. Always the sum of `counts`.",
    "counts": "The seven outcomes.",
    "deletes": "The same seven, of deletions; all 0 so far.",
    "requests": "Requests that left for the destination, tries included; not those of a part that was killed.",
    "sourceRequests": "Requests that left for an API source; 0 for files.",
    "bytes": "Bytes of what went to the destination.",
    "seconds": "Wall time of the whole run; of all its parts, where it was resumed, but for one that was killed.",
    "killed": "Parts of the run that were killed: what they cost is in none of these figures.",
    "problems": "Rows that did not make it, the first 100.",
    "groups": "All of them, by how they failed: at most 100 ways.",
    "newProblems": "Invalid and rejected rows that were not so, in the same way, in the last whole run.",
    "stopped": "`null`, or why the run ended early.",
    "warnings": "What may be a mistake.",
    "caveats": "What a yes of this API does not prove.",
    "notes": "What is worth knowing.",
}
_ROW_WORDS = {
    "file": "The file, as it was named.",
    "row": "The row in it, from 1.",
    "line": "The line, from 1; 0 where there are no lines.",
    "outcome": "Its outcome.",
    "reason": "Why, in words.",
    "rule": "The [rule](rules.md) an invalid row broke; else empty.",
    "since": "The run that saw it rejected first, where it was not sent again; else `null`.",
    "key": "Whose it is; of a Segment profile without an identifier its `segment_id`; empty where nobody can tell.",
    "field": "The culprit; empty for the row as a whole.",
}
_GROUP_WORDS = {
    "outcome": "Of all these rows.",
    "rule": "The same.",
    "field": "The same.",
    "count": "How many rows.",
    "first": "The first of them, as in `problems`.",
}
_STOP_WORDS = {
    "reason": "`credentials`, `address`, `refused`, `throttled`, `outage`, `faults`, `rejections`, `unfinished`,"
    " `source`, `disk`, `killed`, `bug`, `interrupted`, `terminated`.",
    "message": "The same in words, with what to do next.",
    "retryAt": "Unix seconds when it makes sense to come back, where that is known.",
}
_PREVIEW_WORDS = {
    "counts": "Entries that are new or changed, rows that are not sent and why, entries that clear something.",
    "fields": "How many entries change each attribute.",
    "requests": "Requests it would take.",
    "bytes": "Bytes of their bodies.",
    "seconds": "About how long, if an answer takes 0.1 s.",
    "samples": "The first three entries: `key`, and the `payload` that would travel.",
    "groups": "Rows that would not be sent, by how they fail; as in the report of a run.",
    "warnings": "As in a run.",
    "notes": "As in a run.",
    "stopped": "As in a run, when the source or a signal ended it early.",
}
_PROBLEM_WORDS = {
    "file": "The file with the problem; empty where there is none.",
    "line": "From 1; 0 where it is not known.",
    "column": "From 1; 0 where it is not known.",
    "found": "What stands there. Never a credential.",
    "expected": "What should.",
    "fix": "How to mend it.",
}


def page() -> str:
    row = RowProblem(RowRef("data.json", 3, 3), "id:2", "joined", Outcome.INVALID, "text where …", "value-unfit")
    counts = dict.fromkeys(Outcome, 0) | {Outcome.DELIVERED: 1, Outcome.INVALID: 1}
    stop = Stop("outage", "no good answer for 300 s …")
    report = Report(1, "stopped", 2, counts, 1, 171, 0.1, [row], groups=[ProblemGroup(1, row)], stopped=stop)
    run = replace(report, new_problems=1).as_json()
    preview = Preview({"new": 1, "changed": 0}, {"plan": 1}, 1, 171, 0.1, [{"key": "id:1", "payload": {}}]).as_json()
    columns = listed(list(map(code, COLUMNS)), "and")
    group, stopped = ProblemGroup(1, row).as_json(), run["stopped"]
    assert isinstance(stopped, dict)
    refusal = Problem("users.yaml", 4, 19, 'the unknown key "too"', '"to"', 'Did you mean "to"?')._asdict()
    return f"""# JSON

With `--json`, stdout is exactly one document, and progress goes to stderr. Keys may be added later; none is renamed.
There is none, or not all of it, where stdout cannot be written: stderr says so, and of a run the
[exit code](exit-codes.md) still tells how its rows ended; `report --json` shows it again.

## A run

Of `run --json` and `report --json`. `notify` posts the same, and `name`, the sync's.

{_words(run, _RUN_WORDS)}
An entry of `problems`, and a line of `report --jsonl`; `report --csv` has the columns {columns}:

{_words(row.as_json(), _ROW_WORDS)}
An entry of `groups`:

{_words(group, _GROUP_WORDS)}
`stopped`:

{_words(stopped, _STOP_WORDS)}
{fenced("json", json.dumps(run, indent=1, ensure_ascii=False))}
## All runs

`runs --json` is `{{"runs": […]}}`, oldest first: each as above without its problem rows, and with `started`, in unix
seconds.

## A dry run

{_words(preview, _PREVIEW_WORDS)}
`counts` has `new`, `changed`, `unchanged`, `folded`, `cleared`, `deleted`, `invalid` and `rejected`.

## A refusal

On exit codes 2 and 75 the document is `{{"status": "refused", "problems": […]}}`; each problem:

{_words(refusal, _PROBLEM_WORDS)}
When a signal, the disk or a bug ended a run that has no report, it is `{{"status": …, "stopped": …}}`, as above; also
when a second signal ended a run at once, whatever it was at. A kill leaves none.
"""


def _words(document: Mapping[str, object], words: Mapping[str, str]) -> str:
    """The keys of a real document, in its order, with what is written of each here. Neither may have more."""
    if document.keys() != words.keys():
        sys.exit(f"docs/generator/documents.py: describe exactly the keys {sorted(document.keys() ^ words.keys())}")
    return table(["key", "is"], [(code(key), words[key]) for key in document])
