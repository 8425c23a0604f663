-- History: what the reading verbs ask.

-- name: meta
SELECT name, value FROM meta;

-- name: set_meta
INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?);

-- name: runs
SELECT run, status, closed, started, ended, mapping, dialect, read, unchanged, folded, invalid, planned, counts, requests, bytes,
       seconds, source_stop, stopped
FROM run
WHERE :run IS NULL OR run = :run
ORDER BY run;

-- name: problems
-- What was refused comes before what was merely not sent, of which there may be a million.
SELECT file, row, line, key, field, outcome, reason FROM problem WHERE run = :run
ORDER BY outcome = 'deferred', row
LIMIT :limit;
