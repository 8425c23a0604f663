BEGIN TRANSACTION;
CREATE TABLE belief (
    key     TEXT PRIMARY KEY,
    digest  BLOB NOT NULL,
    body    INTEGER NOT NULL,
    acked   REAL NOT NULL,
    run     INTEGER NOT NULL,
    adopted INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO "belief" VALUES('id:1',X'293F066F70EBC2603AD2485377269391',1,1.7953369301700313091e+09,1,0);
INSERT INTO "belief" VALUES('id:2',X'4AD2B5C22A0F74BEE2138BA2CDC7D72A',2,1.7953369301700313091e+09,1,0);
INSERT INTO "belief" VALUES('id:3',X'4918D5A840C7B9F5EAF8CB45889E3918',3,1.7953369301700313091e+09,1,0);
CREATE TABLE body (body INTEGER PRIMARY KEY, json BLOB NOT NULL);
INSERT INTO "body" VALUES(1,X'7B226E616D65223A226E616D652031222C22706C616E223A226261736963227D');
INSERT INTO "body" VALUES(2,X'7B226E616D65223A226E616D652032222C22706C616E223A226261736963227D');
INSERT INTO "body" VALUES(3,X'7B226E616D65223A226E616D652033222C22706C616E223A226261736963227D');
CREATE TABLE doubt (key TEXT PRIMARY KEY, run INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('account','daf81d7c76d7e902156ae487e8eb2eff');
INSERT INTO "meta" VALUES('destination','customerio');
INSERT INTO "meta" VALUES('format','1');
INSERT INTO "meta" VALUES('plan_run','1');
CREATE TABLE plan (
    entry  INTEGER PRIMARY KEY,
    key    TEXT NOT NULL,
    kind   TEXT NOT NULL,
    digest BLOB NOT NULL,
    body   INTEGER NOT NULL,
    file   TEXT NOT NULL,
    row    INTEGER NOT NULL,
    line   INTEGER NOT NULL,
    follows INTEGER                      -- an earlier entry of the same key, of a plan that grew: it is to be settled first
);
INSERT INTO "plan" VALUES(1,'id:1','upsert',X'293F066F70EBC2603AD2485377269391',1,'data',1,0,NULL);
INSERT INTO "plan" VALUES(2,'id:2','upsert',X'4AD2B5C22A0F74BEE2138BA2CDC7D72A',2,'data',2,0,NULL);
INSERT INTO "plan" VALUES(3,'id:3','upsert',X'4918D5A840C7B9F5EAF8CB45889E3918',3,'data',3,0,NULL);
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
INSERT INTO "problem" VALUES(1,NULL,'data',4,0,'','id','invalid','a boolean is not an identifier; expected text or a whole number','identifier-unfit',NULL);
CREATE TABLE rejected (
    key    TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    run    INTEGER NOT NULL,
    at     REAL NOT NULL,
    field  TEXT NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;
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
    source_requests INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "run" VALUES(1,'finished',1,1.79533693007281231878e+09,1.79533693017163205147e+09,'0cbcd89e1c7d33939575006a848482a3','mode: upsert, api: batch, identifier: auto',4,0,0,1,1,3,0,0,0,'{"delivered": 3, "unchanged": 0, "folded": 0, "invalid": 1, "rejected": 0, "deferred": 0, "unknown": 0}',1,338,1.02839152998058125376e-01,'',NULL,NULL,0);
CREATE TABLE seen (ref TEXT PRIMARY KEY, number INTEGER NOT NULL, unread TEXT) WITHOUT ROWID;
CREATE TABLE settled (
    entry   INTEGER PRIMARY KEY,
    outcome TEXT NOT NULL,
    doubt   INTEGER NOT NULL,
    at      REAL NOT NULL,
    field   TEXT NOT NULL,
    reason  TEXT NOT NULL,
    passing INTEGER NOT NULL DEFAULT 0   -- a refusal that is not about what was sent
);
INSERT INTO "settled" VALUES(1,'delivered',0,1.7953369301700313091e+09,'','',0);
INSERT INTO "settled" VALUES(2,'delivered',0,1.7953369301700313091e+09,'','',0);
INSERT INTO "settled" VALUES(3,'delivered',0,1.7953369301700313091e+09,'','',0);
CREATE TABLE ticket (entry INTEGER PRIMARY KEY, ticket BLOB NOT NULL);
CREATE INDEX problem_run ON problem (run, row);
CREATE VIEW people AS
SELECT key,
       CAST(body.json AS TEXT) AS record,
       datetime(acked, 'unixepoch') AS acknowledged_at,
       run,
       adopted,
       key IN (SELECT doubt.key FROM doubt) AS in_doubt
FROM belief JOIN body USING (body);
CREATE VIEW doubts AS SELECT key, run FROM doubt;
CREATE VIEW runs AS
SELECT run,
       status,
       datetime(started, 'unixepoch') AS started_at,
       datetime(ended, 'unixepoch') AS ended_at,
       read + unread AS rows_read,
       coalesce(json_extract(counts, '$.delivered'), 0) AS delivered,
       coalesce(json_extract(counts, '$.unchanged'), unchanged) AS unchanged,
       coalesce(json_extract(counts, '$.folded'), folded) AS folded,
       coalesce(json_extract(counts, '$.invalid'), invalid) AS invalid,
       coalesce(json_extract(counts, '$.rejected'), 0) AS rejected,
       coalesce(json_extract(counts, '$.deferred'), 0) AS deferred,
       coalesce(json_extract(counts, '$.unknown'), 0) AS unknown,
       adopted,
       requests,
       source_requests,
       bytes,
       seconds,
       json_extract(stopped, '$.reason') AS stopped_reason,
       json_extract(stopped, '$.message') AS stopped_message
FROM run;
CREATE VIEW problems AS
SELECT run, file, row, line, key, field, outcome, rule, reason, since AS rejected_since FROM problem;
CREATE VIEW pending AS
SELECT entry, file, row, line, key, CAST(body.json AS TEXT) AS record
FROM plan
JOIN body USING (body)
LEFT JOIN settled USING (entry)
WHERE settled.outcome IS NULL OR settled.outcome IN ('deferred', 'unknown');
COMMIT;
