BEGIN TRANSACTION;
CREATE TABLE belief (
    key    TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    body   INTEGER NOT NULL,
    acked  REAL NOT NULL,
    run    INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "belief" VALUES('id:1',X'293F066F70EBC2603AD2485377269391',1,1.79532287921521806718e+09,1);
INSERT INTO "belief" VALUES('id:2',X'4AD2B5C22A0F74BEE2138BA2CDC7D72A',2,1.79532287921521806718e+09,1);
INSERT INTO "belief" VALUES('id:3',X'4918D5A840C7B9F5EAF8CB45889E3918',3,1.79532287921521806718e+09,1);
CREATE TABLE body (body INTEGER PRIMARY KEY, json BLOB NOT NULL);
INSERT INTO "body" VALUES(1,X'7B226E616D65223A226E616D652031222C22706C616E223A226261736963227D');
INSERT INTO "body" VALUES(2,X'7B226E616D65223A226E616D652032222C22706C616E223A226261736963227D');
INSERT INTO "body" VALUES(3,X'7B226E616D65223A226E616D652033222C22706C616E223A226261736963227D');
CREATE TABLE doubt (key TEXT PRIMARY KEY, run INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('account','70cd9a62202e9a71cdd397195cb15824');
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
    line   INTEGER NOT NULL
);
INSERT INTO "plan" VALUES(1,'id:1','upsert',X'293F066F70EBC2603AD2485377269391',1,'data',1,0);
INSERT INTO "plan" VALUES(2,'id:2','upsert',X'4AD2B5C22A0F74BEE2138BA2CDC7D72A',2,'data',2,0);
INSERT INTO "plan" VALUES(3,'id:3','upsert',X'4918D5A840C7B9F5EAF8CB45889E3918',3,'data',3,0);
CREATE TABLE problem (
    run     INTEGER NOT NULL,
    entry   INTEGER,
    file    TEXT NOT NULL,
    row     INTEGER NOT NULL,
    line    INTEGER NOT NULL,
    key     TEXT NOT NULL,
    field   TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason  TEXT NOT NULL
);
INSERT INTO "problem" VALUES(1,NULL,'data',4,0,'','id','invalid','a boolean is not an identifier; expected text or a whole number');
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
    planned   INTEGER NOT NULL DEFAULT 0, -- entries of the plan
    counts    TEXT NOT NULL DEFAULT '{}', -- all seven outcomes, when the run ended
    requests  INTEGER NOT NULL DEFAULT 0,
    bytes     INTEGER NOT NULL DEFAULT 0,
    seconds   REAL NOT NULL DEFAULT 0,
    source_stop TEXT,                     -- where the source broke, when it did
    stopped   TEXT                        -- {reason, message, retryAt} as JSON
);
INSERT INTO "run" VALUES(1,'finished',1,1.79532287911666822428e+09,1.79532287921642470362e+09,'059e473e5b9c1e8a6da01110cd41abb0','mode: upsert, api: batch, identifier: auto',4,0,0,1,3,'{"delivered": 3, "unchanged": 0, "folded": 0, "invalid": 1, "rejected": 0, "deferred": 0, "unknown": 0}',1,338,1.03863794996868818998e-01,NULL,NULL);
CREATE TABLE settled (
    entry   INTEGER PRIMARY KEY,
    outcome TEXT NOT NULL,
    doubt   INTEGER NOT NULL,
    at      REAL NOT NULL,
    field   TEXT NOT NULL,
    reason  TEXT NOT NULL
);
INSERT INTO "settled" VALUES(1,'delivered',0,1.79532287921521806718e+09,'','');
INSERT INTO "settled" VALUES(2,'delivered',0,1.79532287921521806718e+09,'','');
INSERT INTO "settled" VALUES(3,'delivered',0,1.79532287921521806718e+09,'','');
CREATE INDEX problem_run ON problem (run, row);
COMMIT;
