-- The ledger of one sync into one account. Version 4. `key` is the destination's typed identity ("id:7258").
-- Times are unix seconds. Bodies are canonical JSON, each written once and pointed at by number.
-- `sum`: of the row's other columns, so that a disk which changed one of them is found out (sums.py).

-- Whose ledger this is: `destination`, `account` (a digest), `format` (of bodies and digests), `plan_run` (whose plan it
-- holds), `schema` (a sum of these very statements).
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;

-- One line a run. `closed` is 0 while it is at work, and stays 0 when its process died.
CREATE TABLE run (
    run       INTEGER PRIMARY KEY,
    status    TEXT NOT NULL,             -- running | finished | stopped | interrupted
    closed    INTEGER NOT NULL DEFAULT 0,
    started   REAL NOT NULL,
    ended     REAL,
    mapping   TEXT NOT NULL,             -- digest of what decides a body: mappings, mode, target
    dialect   TEXT NOT NULL,             -- how the plan's bodies travel: mode, api, identifier
    read      INTEGER NOT NULL DEFAULT 0,
    unchanged INTEGER NOT NULL DEFAULT 0,
    folded    INTEGER NOT NULL DEFAULT 0,
    invalid   INTEGER NOT NULL DEFAULT 0, -- while planning
    whole     INTEGER NOT NULL DEFAULT 1, -- 0 when it was told to look at a part of the rows (--limit, --only)
    planned   INTEGER NOT NULL DEFAULT 0, -- entries of the plan
    rejected  INTEGER NOT NULL DEFAULT 0, -- while planning: what an earlier run saw refused, and nothing has changed since
    unread    INTEGER NOT NULL DEFAULT 0, -- rows of an API source that could not be read (they count as deferred)
    adopted   INTEGER NOT NULL DEFAULT 0, -- rows recorded as held without sending them (they count as unchanged)
    counts    TEXT NOT NULL DEFAULT '{}', -- all seven outcomes, when the run ended
    requests  INTEGER NOT NULL DEFAULT 0,
    bytes     INTEGER NOT NULL DEFAULT 0,
    seconds   REAL NOT NULL DEFAULT 0,
    source_stop TEXT,                     -- where the source broke, when it did
    stopped   TEXT,                       -- {reason, message, retryAt} as JSON
    bookmark  TEXT,                       -- where the reading of an API source goes on, and how; its cursor is "" at the end
    source_requests INTEGER NOT NULL DEFAULT 0,
    killed    INTEGER NOT NULL DEFAULT 0, -- parts of it whose process died: what they cost nobody knows
    sum       INTEGER NOT NULL DEFAULT 0  -- written last, in the same transaction
);

CREATE TABLE body (body INTEGER PRIMARY KEY, json BLOB NOT NULL, sum INTEGER NOT NULL);

-- What we think the destination holds: the last acknowledged record of each key. `adopted` is 1 for good once a key
-- was taken over from another tool: it was not created by this sync.
CREATE TABLE belief (
    key     TEXT PRIMARY KEY,
    digest  BLOB NOT NULL,
    body    INTEGER NOT NULL,
    acked   REAL NOT NULL,
    run     INTEGER NOT NULL,
    adopted INTEGER NOT NULL DEFAULT 0,
    sum     INTEGER NOT NULL             -- of key, digest and body, plus acked in milliseconds, run and adopted
) WITHOUT ROWID;

-- Keys of which we do not know what the destination holds. Only an acknowledgement lifts a doubt.
CREATE TABLE doubt (key TEXT PRIMARY KEY, run INTEGER NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;

-- What a destination has refused for good, by key: the digest of that very body (mode and target are part of it), and the
-- run that saw it first. It is not sent again while row and mapping stay as they are.
CREATE TABLE rejected (
    key    TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    run    INTEGER NOT NULL,
    at     REAL NOT NULL,
    field  TEXT NOT NULL,
    reason TEXT NOT NULL,
    sum    INTEGER NOT NULL
) WITHOUT ROWID;

-- The current plan, in the order of the source: exactly what is to be sent, one entry a key.
CREATE TABLE plan (
    entry  INTEGER PRIMARY KEY,
    key    TEXT NOT NULL,
    kind   TEXT NOT NULL,
    digest BLOB NOT NULL,
    body   INTEGER NOT NULL,
    file   TEXT NOT NULL,
    row    INTEGER NOT NULL,
    line   INTEGER NOT NULL,
    follows INTEGER,                     -- an earlier entry of the same key, of a plan that grew: it is to be settled first
    sum    INTEGER NOT NULL              -- of key, digest and body, plus entry and follows (-1 for none)
);

-- What an API source has named in the run of this plan, so that nothing is read twice. `unread`: why it could not be read
-- yet; null when it was. `key`: whom it is about, so that a later one of the same key is folded with it.
CREATE TABLE seen (
    ref    TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    unread TEXT,
    key    TEXT,
    sum    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX seen_key ON seen (key);

-- Under which ticket an entry was sent, where a destination accepts now and tells later: by it, a later run asks.
CREATE TABLE ticket (entry INTEGER PRIMARY KEY, ticket BLOB NOT NULL, sum INTEGER NOT NULL);
CREATE INDEX ticket_ticket ON ticket (ticket);

-- How the plan's entries ended so far. `doubt`: it may have been applied without our seeing the answer.
CREATE TABLE settled (
    entry   INTEGER PRIMARY KEY,
    outcome TEXT NOT NULL,
    doubt   INTEGER NOT NULL,
    at      REAL NOT NULL,
    field   TEXT NOT NULL,
    reason  TEXT NOT NULL,
    passing INTEGER NOT NULL DEFAULT 0,  -- a refusal that is not about what was sent
    sum     INTEGER NOT NULL             -- of field and reason, 0 without either, plus entry, at in milliseconds, doubt and 2 × passing
);

-- The rows that did not make it, and why. `entry` is null for rows that never entered the plan; `rule` names the check
-- that an invalid row failed.
CREATE TABLE problem (
    run     INTEGER NOT NULL,
    entry   INTEGER,
    file    TEXT NOT NULL,
    row     INTEGER NOT NULL,
    line    INTEGER NOT NULL,
    key     TEXT NOT NULL,
    field   TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason  TEXT NOT NULL,
    rule    TEXT NOT NULL DEFAULT '',
    since   INTEGER                      -- the run in which the destination refused it, where that was an earlier one
);
CREATE INDEX problem_run ON problem (run, row);
