"""The same sync over HTTP: requests from this machine, or with a token → runs of the same engine, in the same ledgers.

    server.py    sockets, connections, signals            doors.py     who may call, from where, in what form
    app.py       what may be asked, and the OpenAPI of it  uploads.py   a body → private files, within limits
    runs.py      syncs in threads: one a ledger, few at once            registry.py  what of them outlives the process
    past.py      a run that has ended, as its ledger tells it           answers.py   how it ended → a status and a body

The answer to `PUT /` is the document of `syncline run --json`; only the form is HTTP.
"""

from __future__ import annotations
