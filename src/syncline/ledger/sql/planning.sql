-- Planning: one transaction from the first row to the finished plan, so that a run that dies or is refused leaves no trace.

-- name: create_staging
-- Every valid row, in source order. Temporary: it never touches the ledger's own file.
CREATE TEMP TABLE staged (
    entry   INTEGER PRIMARY KEY,
    key     TEXT NOT NULL,
    digest  BLOB NOT NULL,
    body    INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    also    INTEGER NOT NULL,
    file    TEXT NOT NULL,
    row     INTEGER NOT NULL,
    line    INTEGER NOT NULL,
    sum     INTEGER NOT NULL             -- of key, digest and body
);

-- name: drop_staging
DROP TABLE IF EXISTS temp.staged;

-- name: doubt_the_unsettled
-- A new plan supersedes the old one: whatever may have been applied without our seeing the answer is in doubt.
INSERT OR IGNORE INTO doubt (key, run, sum)
SELECT plan.key, CAST(value AS INTEGER), row_sum(plan.key, CAST(value AS INTEGER))
FROM plan JOIN settled USING (entry) JOIN meta ON meta.name = 'plan_run'
WHERE settled.doubt AND settled.outcome <> 'delivered';

-- name: drop_superseded_bodies
DELETE FROM body WHERE body IN (
    SELECT plan.body FROM plan LEFT JOIN settled USING (entry) WHERE settled.outcome IS NOT 'delivered'
);

-- name: clear_plan
DELETE FROM plan;

-- name: clear_settled
DELETE FROM settled;

-- name: clear_tickets
DELETE FROM ticket;

-- name: clear_seen
DELETE FROM seen;

-- name: drop_plan_index
DROP INDEX IF EXISTS plan_key;

-- name: index_plan
-- Only a plan that grows looks its own entries up by key: a file's plan of a million entries does without.
CREATE INDEX IF NOT EXISTS plan_key ON plan (key);

-- name: last_entry
SELECT coalesce(max(entry), 0) FROM plan;

-- name: next_run
SELECT coalesce(max(run), 0) + 1 FROM run;

-- name: next_body
SELECT coalesce(max(body), 0) + 1 FROM body;

-- name: insert_run
INSERT INTO run (run, status, started, mapping, dialect, whole) VALUES (:run, 'running', :started, :mapping, :dialect, :whole);

-- name: name_plan
INSERT OR REPLACE INTO meta (name, value, sum) VALUES ('plan_run', :run, row_sum('plan_run', :run));

-- name: believed
-- `keys`: a JSON list. Keys in doubt come with or without a belief. The last column is what its content must add up to.
SELECT value, belief.digest, belief.body, doubt.key IS NOT NULL, belief.acked,
       belief.sum - CAST(belief.acked * 1000 AS INTEGER) - belief.run - belief.adopted
FROM json_each(:keys)
LEFT JOIN belief ON belief.key = value
LEFT JOIN doubt ON doubt.key = value
WHERE belief.key IS NOT NULL OR doubt.key IS NOT NULL;

-- name: planned_before
-- Of a plan that grows: its own entries for these keys (`keys`: a JSON list), in order, and how they ended so far.
SELECT plan.key, plan.digest, plan.body, settled.outcome, settled.at,
       plan.sum - plan.entry - coalesce(plan.follows, -1)
FROM json_each(:keys)
JOIN plan ON plan.key = value
LEFT JOIN settled USING (entry)
ORDER BY plan.entry;

-- name: seen
SELECT ref FROM json_each(:refs) JOIN seen ON seen.ref = value;

-- name: met_before
-- Of these keys (a JSON list), those that an earlier portion of this run had.
SELECT DISTINCT seen.key FROM json_each(:keys) JOIN seen ON seen.key = value;

-- name: body
SELECT json, sum FROM body WHERE body = :body;

-- name: unread
SELECT ref, number FROM seen WHERE unread IS NOT NULL ORDER BY number;

-- name: close_unplanned
UPDATE run SET status = :status, closed = 1, ended = :ended, stopped = :stopped, requests = :requests, bytes = :bytes,
               source_requests = :source_requests, seconds = :seconds
WHERE run = :run;

-- name: see
INSERT INTO seen (ref, number, unread, key, sum) VALUES (?1, ?2, ?3, ?4, row_sum(?1, ?2, ?3, ?4))
ON CONFLICT (ref) DO UPDATE SET unread = excluded.unread, key = excluded.key,
                                sum = row_sum(seen.ref, seen.number, excluded.unread, excluded.key);

-- name: bookmark
UPDATE run SET bookmark = :bookmark WHERE run = :run;

-- name: insert_body
INSERT INTO body (body, json, sum) VALUES (?, ?, ?);

-- name: stage
INSERT INTO temp.staged (entry, key, digest, body, changed, also, file, row, line, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: insert_problem
INSERT INTO problem (run, file, row, line, key, field, outcome, reason, rule) VALUES (?, ?, ?, ?, ?, ?, 'invalid', ?, ?);

-- name: index_staging
CREATE INDEX temp.staged_key ON staged (key);

-- name: repeated_keys
SELECT key FROM temp.staged GROUP BY key HAVING count(*) > 1;

-- name: rows_of_key
SELECT staged.body, body.json, body.sum FROM temp.staged LEFT JOIN body USING (body) WHERE staged.key = ? ORDER BY staged.entry;

-- name: last_of_key
SELECT entry, file, row, line FROM temp.staged WHERE key = ? ORDER BY entry DESC LIMIT 1;

-- name: drop_folded_bodies
DELETE FROM body WHERE body IN (SELECT body FROM temp.staged WHERE key = :key AND changed);

-- name: drop_folded
DELETE FROM temp.staged WHERE key = :key AND entry <> :last;

-- name: drop_staged
DELETE FROM temp.staged WHERE entry = ?;

-- name: restage
UPDATE temp.staged SET digest = ?, body = ?, changed = ?, also = ?, sum = ? WHERE entry = ?;

-- name: rejected_before
-- What is staged to be sent, and was refused in this very form. After folding: one row a key.
SELECT staged.entry, staged.body, staged.key, rejected.at, staged.file, staged.row, staged.line, rejected.field,
       rejected.reason, rejected.run
FROM temp.staged JOIN rejected USING (key)
WHERE staged.changed AND staged.digest = rejected.digest AND staged.entry > :after
ORDER BY staged.entry
LIMIT :limit;

-- name: insert_rejected_again
INSERT INTO problem (run, file, row, line, key, field, outcome, reason, since) VALUES (?, ?, ?, ?, ?, ?, 'rejected', ?, ?);

-- name: drop_body
DELETE FROM body WHERE body = ?;

-- name: make_plan
INSERT INTO plan (entry, key, kind, digest, body, file, row, line, sum)
SELECT entry, key, :kind, digest, body, file, row, line, sum + entry - 1 FROM temp.staged WHERE changed ORDER BY entry;

-- name: follow
-- Where the plan has an earlier entry of the same key, that is to be settled first.
UPDATE plan SET follows = (SELECT max(earlier.entry) FROM plan AS earlier WHERE earlier.key = plan.key AND earlier.entry < plan.entry)
WHERE entry > :first;

-- name: sum_followers
UPDATE plan SET sum = sum + 1 + follows WHERE entry > :first AND follows IS NOT NULL;

-- name: drop_adopted_bodies
-- The bodies that an adoption replaces.
DELETE FROM body WHERE body IN (SELECT belief.body FROM plan JOIN belief USING (key) WHERE belief.body <> plan.body);

-- name: adopt
-- The plan becomes belief without having been sent. Doubts stay.
INSERT INTO belief (key, digest, body, acked, run, adopted, sum)
SELECT key, digest, body, :at, :run, 1,
       sum - entry - coalesce(follows, -1) + CAST(:at * 1000 AS INTEGER) + :run + 1
FROM plan WHERE true ORDER BY key
ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, body = excluded.body, acked = excluded.acked, run = excluded.run,
                                adopted = 1, sum = excluded.sum;

-- name: count_doubtful
SELECT count(*) FROM plan JOIN doubt USING (key);

-- name: newest_acknowledgement
-- No run acknowledges anything after it has ended, and `run` has few lines where `belief` has millions.
SELECT max(ended) FROM run WHERE closed AND EXISTS (SELECT 1 FROM belief);

-- name: shared_identity
-- Rows of different keys that name the same further identity, and the first of them. After folding: one row a key.
SELECT count(*), min(entry), file, row, line FROM temp.staged
WHERE also IN (SELECT also FROM temp.staged WHERE also <> 0 GROUP BY also HAVING count(*) > 1);

-- name: count_unchanged
SELECT count(*) FROM temp.staged WHERE NOT changed;

-- name: count_entries
SELECT count(*) FROM temp.staged WHERE changed;

-- name: count_new
SELECT count(*) FROM temp.staged LEFT JOIN belief USING (key) WHERE changed AND belief.key IS NULL;

-- name: moved_identity
-- Entries in which an attribute (a JSON path) has another value than is believed held, and the first of them. Its letters'
-- case says nothing.
SELECT count(*), min(plan.entry), plan.file, plan.row, plan.line
FROM plan
JOIN body AS told ON told.body = plan.body
JOIN belief ON belief.key = plan.key
JOIN body AS held ON held.body = belief.body
WHERE plan.entry > :first
  AND lower(json_extract(CAST(told.json AS TEXT), :path)) <> lower(json_extract(CAST(held.json AS TEXT), :path));

-- name: count_refreshed
SELECT count(*) FROM temp.staged JOIN belief USING (key)
WHERE changed AND staged.digest = belief.digest AND key NOT IN (SELECT key FROM doubt);

-- name: record_plan
-- A file's plan is recorded once, a plan that grows portion by portion.
UPDATE run SET read = read + :read, unchanged = unchanged + :unchanged, folded = folded + :folded,
               invalid = invalid + :invalid, rejected = rejected + :rejected, planned = planned + :planned, adopted = adopted + :adopted,
               source_stop = coalesce(nullif(:source_stop, ''), source_stop)
WHERE run = :run;

-- name: planned_with_beliefs
-- For a preview: each entry with the body believed held, if any.
SELECT plan.key, plan.body, body.json, body.sum, belief.body, held.json, held.sum
FROM plan
LEFT JOIN body USING (body)
LEFT JOIN belief ON belief.key = plan.key
LEFT JOIN body AS held ON held.body = belief.body
ORDER BY plan.entry;
