-- History: what the reading verbs ask.

-- name: meta
SELECT name, value FROM meta;

-- name: meta_of
SELECT value FROM meta WHERE name = ?;

-- name: set_meta
INSERT OR REPLACE INTO meta (name, value, sum) VALUES (?1, ?2, row_sum(?1, ?2));

-- name: is_ours
-- Is the plan still this run's, and the run under way?
SELECT EXISTS (
    SELECT 1 FROM meta JOIN run ON run.run = :run
    WHERE meta.name = 'plan_run' AND meta.value = CAST(:run AS TEXT) AND NOT run.closed
);

-- name: runs
SELECT run, status, closed, started, ended, mapping, dialect, read + unread AS read, unchanged, folded, invalid, planned, adopted, counts, requests,
       source_requests, bytes, seconds, source_stop, bookmark, killed, stopped
FROM run
WHERE :run IS NULL OR run = :run
ORDER BY run;

-- name: problems
-- What was refused comes before what was merely not sent, of which there may be a million; then in the order of the source.
SELECT file, row, line, key, field, outcome, reason, rule, since FROM problem WHERE run = :run
ORDER BY outcome = 'deferred', rowid
LIMIT :limit;

-- name: problem_groups
-- Rows that failed in the same way, with the first of each group: SQLite takes bare columns from the row of the minimum.
-- What was refused in an earlier run and not sent again is told apart from what was refused in this one.
SELECT count(*), count(DISTINCT reason) = 1, min(rowid), file, row, line, key, field, outcome, reason, rule, since
FROM problem WHERE run = :run
GROUP BY outcome, field, rule, since IS NULL, CASE rule WHEN '' THEN reason END
ORDER BY outcome = 'deferred', count(*) DESC, min(rowid)
LIMIT :limit;

-- name: count_new_problems
-- Invalid and rejected rows that were not so, in the same way, in the last run that looked at all rows and finished. A row
-- without a key is known by its place.
SELECT count(*) FROM problem
WHERE run = :run AND outcome IN ('invalid', 'rejected') AND (
    key, field, rule, CASE rule WHEN '' THEN reason ELSE '' END,
    CASE key WHEN '' THEN file ELSE '' END, CASE key WHEN '' THEN row ELSE 0 END
) NOT IN (
    SELECT key, field, rule, CASE rule WHEN '' THEN reason ELSE '' END,
           CASE key WHEN '' THEN file ELSE '' END, CASE key WHEN '' THEN row ELSE 0 END
    FROM problem
    WHERE outcome IN ('invalid', 'rejected')
      AND run = (SELECT max(run) FROM run WHERE run < :run AND whole AND status = 'finished')
);
