"""The same sync over HTTP: requests from this machine, or with a token → runs of the same engine, in the same ledgers.

    a request   server.py → protocol.py → doors.py → app.py → endpoints.py
    an upload   uploads.py → recognise.py → intake.py → an order
    a run       runs.py, in a thread; progress.py while it works; registry.py for what outlives the process
    an answer   answers.py, documents.py; past.py and recall.py for what has ended, or died

`assembly.py` puts the parts together. The answer to `PUT /` is the document of `syncline run --json`: only the form is
HTTP, and what is refused has one shape, whoever refuses.
"""

from __future__ import annotations
